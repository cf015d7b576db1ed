"""Readings come at their intervals, and no probe can stop another."""

import _thread
import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence

import pytest
from tests.virtual_time import VirtualTimeLoop, run_in_virtual_time

from steadfast.health.probes.contract import Probe
from steadfast.health.probes.scheduler import ProbeScheduler
from steadfast.health.readings import Reading, Sample, Status, Thresholds


class Counting(Probe):
    name = "counting"
    unit = "looks"
    is_instant = True
    thresholds = Thresholds(warning=3)

    def __init__(self) -> None:
        self.looks = 0

    def take(self) -> Iterable[Sample]:
        self.looks += 1
        return [Sample(value=float(self.looks))]


class Failing(Counting):
    name = "failing"

    def take(self) -> Iterable[Sample]:
        raise OSError("/home/somebody/secret")


class Hanging(Probe):
    name = "hanging"
    timeout_s = 0.05

    def __init__(self) -> None:
        self.release = threading.Event()
        self.looks = 0

    def take(self) -> Iterable[Sample]:
        self.looks += 1
        self.release.wait(20)
        return [Sample(value=1.0)]


def looks_of(running: ProbeScheduler) -> bool:
    """Whether every probe was heard; a function, because it changes while one looks away."""
    return running.has_looked


def scheduler(*probes: Probe, told: list[Reading] | None = None) -> ProbeScheduler:
    heard = told if told is not None else []

    def tell(_probe: Probe, readings: Sequence[Reading]) -> None:
        heard.extend(readings)

    return ProbeScheduler(probes, clock=lambda: asyncio.get_running_loop().time(), told=tell)


def test_a_probe_looks_at_every_interval_and_its_last_reading_is_kept() -> None:
    async def live() -> None:
        probe = Counting()
        running = scheduler(probe)
        running.start()
        assert not looks_of(running)
        await asyncio.sleep(21)
        running.stop()
        assert probe.looks == 5
        assert looks_of(running)
        (reading,) = running.readings()
        assert (reading.value, reading.status) == (5.0, Status.WARNING)
        assert reading.as_dict(reading.taken_at_s + 3)["age_s"] == 3.0

    run_in_virtual_time(live())


def test_a_probe_that_raises_is_unknown_without_its_message_and_the_others_go_on() -> None:
    async def live() -> None:
        told: list[Reading] = []
        probe = Counting()
        running = scheduler(Failing(), probe, told=told)
        running.start()
        await asyncio.sleep(6)
        running.stop()
        failed = [reading for reading in told if reading.probe == "failing"]
        assert [reading.status for reading in failed] == [Status.UNKNOWN] * 2
        assert failed[0].note == "it failed with OSError"
        assert probe.looks == 2

    run_in_virtual_time(live())


def test_a_probe_that_hangs_is_unknown_is_not_piled_up_and_is_heard_again_when_it_returns() -> None:
    async def live() -> None:
        probe = Hanging()
        running = scheduler(probe)
        assert [reading.status for reading in await running.look(probe)] == [Status.UNKNOWN]
        assert [reading.status for reading in await running.look(probe)] == [Status.UNKNOWN]
        assert probe.looks == 1
        probe.release.set()
        probe.timeout_s = 10
        while running.readings()[0].status is Status.UNKNOWN:
            await running.look(probe)

    asyncio.run(live())


def test_a_thread_that_returns_after_the_loop_has_ended_harms_nobody() -> None:
    probe = Hanging()

    async def live() -> None:
        await scheduler(probe).look(probe)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())
    left = [thread for thread in threading.enumerate() if thread.name == "probe hanging"]
    probe.release.set()
    for thread in left:
        thread.join(10)


def test_a_thread_that_gets_no_processor_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Counting):
        is_instant = False

    crowded_out: list[Callable[[], None]] = []
    monkeypatch.setattr(_thread, "start_new_thread", lambda work, _: crowded_out.append(work))

    async def look() -> list[Status]:
        probe = Slow()
        looking = asyncio.create_task(scheduler(probe).look(probe))
        await asyncio.sleep(0)  # the loop turned though no thread ever ran
        crowded_out[0]()
        return [reading.status for reading in await looking]

    assert asyncio.run(look()) == [Status.OK]
