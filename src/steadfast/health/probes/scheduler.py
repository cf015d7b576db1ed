"""Takes readings at their intervals and keeps the last ones; never waits on the event loop.

A probe that is not instant runs in a daemon thread of its own: one that hangs cannot be stopped, so it is
left alone, counts as `unknown`, and is not started again before it has come back. The others go on.
"""

import _thread
import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from steadfast.health.probes.contract import Probe
from steadfast.health.readings import Reading, Sample, Status

Told = Callable[[Probe, Sequence[Reading]], None]


class ProbeScheduler:
    """Runs probes on one event loop."""

    def __init__(self, probes: Sequence[Probe], *, clock: Callable[[], float], told: Told) -> None:
        """`told` hears of every look, on the loop, after the readings are kept."""
        self.probes = tuple(probes)
        self._clock = clock
        self._told = told
        self._kept: dict[str, tuple[Reading, ...]] = {}
        self._in_flight: dict[str, asyncio.Future[list[Sample]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins; the probes are spread over their interval, so that they do not all look at once."""
        for index, probe in enumerate(self.probes):
            # The first look is early: an operator who has just started the service wants to see something.
            delay_s = 0.05 + index * min(0.05, probe.interval_s / (len(self.probes) + 1))
            self._tasks.append(asyncio.create_task(self._run(probe, delay_s)))

    def stop(self) -> None:
        """Ends it; a thread that hangs is left to the end of the process."""
        for task in self._tasks:
            task.cancel()

    def readings(self) -> list[Reading]:
        """The last ones of every probe; costs nothing."""
        return [reading for probe in self.probes for reading in self._kept.get(probe.name, ())]

    @property
    def has_looked(self) -> bool:
        """Whether every probe has been heard once."""
        return len(self._kept) == len(self.probes)

    async def look(self, probe: Probe) -> tuple[Reading, ...]:
        """One look at once, whatever comes of it."""
        try:
            samples = list(probe.take()) if probe.is_instant else await self._in_thread(probe)
            readings = tuple(self._judged(probe, sample) for sample in samples)
        except TimeoutError:
            readings = (self._unknown(probe, f"it did not answer within {probe.timeout_s:g} s"),)
        except Exception as error:  # noqa: BLE001 — anybody's probe: its fault becomes a reading
            readings = (self._unknown(probe, f"it failed with {type(error).__name__}"),)
        self._kept[probe.name] = readings
        self._told(probe, readings)
        return readings

    async def _run(self, probe: Probe, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while True:
            await self.look(probe)
            await asyncio.sleep(probe.interval_s)

    async def _in_thread(self, probe: Probe) -> list[Sample]:
        future = self._in_flight.get(probe.name)
        if future is None:
            future = self._in_flight[probe.name] = self._begin(probe)
        async with asyncio.timeout(probe.timeout_s):
            return await asyncio.shield(future)

    def _begin(self, probe: Probe) -> "asyncio.Future[list[Sample]]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Sample]] = loop.create_future()
        # Asked for here: one that comes back after its timeout must not be told as nobody's exception.
        future.add_done_callback(lambda done: (self._in_flight.pop(probe.name, None), done.exception()))

        def settle(samples: list[Sample] | None, error: Exception | None) -> None:
            if not future.done():
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(samples or [])

        def work() -> None:
            samples, failure = None, None
            try:
                samples = list(probe.take())
            except Exception as error:  # noqa: BLE001 — handed over to whoever asked
                failure = error
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(settle, samples, failure)

        # Not `Thread.start`, which waits until the thread has run: on a crowded machine that blocked the loop
        # for more than a second, and the guardian killed the server for it.
        _thread.start_new_thread(work, ())
        return future

    def _judged(self, probe: Probe, sample: Sample) -> Reading:
        if sample.status is not None:
            status = sample.status
        elif sample.value is None:
            status = Status.DISABLED
        else:
            status = probe.thresholds.judge(sample.value)
        return self._reading(probe, sample, status)

    def _unknown(self, probe: Probe, why: str) -> Reading:
        return self._reading(probe, Sample(note=why), Status.UNKNOWN)

    def _reading(self, probe: Probe, sample: Sample, status: Status) -> Reading:
        return Reading(
            probe=probe.name,
            level=probe.level,
            subject=sample.subject,
            value=sample.value,
            unit=probe.unit,
            limit=sample.limit,
            status=status,
            note=sample.note,
            taken_at_s=self._clock(),
        )
