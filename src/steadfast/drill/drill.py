"""A whole drill: the service, the traffic, one fault after the other, and the verdicts."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby

from steadfast.drill.client import Endpoint
from steadfast.drill.detection import detection, incident_kinds, until_calm, whole_since
from steadfast.drill.fault import Expectation, Fault, NotHere, Scene
from steadfast.drill.house import House, HouseKind, PrivateServer, RunningServer
from steadfast.drill.materials import Materials
from steadfast.drill.mix import Mix, built_in_mix
from steadfast.drill.observer import Look, Observer
from steadfast.drill.schedule import Planned
from steadfast.drill.traffic import FollowedJob, Sent, Traffic
from steadfast.drill.verdicts import Observed, Outcome, Verdict, judge, not_run
from steadfast.errors import ServiceError

_STEP_S = 0.1
_JOBS_WITHIN_S = 15.0
"""Given to jobs at the end of a fault's window; …"""
_LAST_JOBS_WITHIN_S = 120.0
"""… and at the end of everything, before one that has not ended counts as lost."""
_SHARE_OF_CAPACITY = 0.3
"""Traffic unless a rate is given: room for videos and for what a fault costs, and enough to notice it."""
_MEASURE_S = 4.0
_SETTLE_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillOptions:
    """How it is done."""

    rate_per_s: float | None = None
    """Requests per second; None: three tenths of what this machine is found to do."""
    concurrency: int = 16
    seed: int = 0
    mix: Mix = field(default_factory=built_in_mix)


@dataclass(kw_only=True)
class DrillResult:
    """Everything that was seen."""

    outcomes: list[Outcome] = field(default_factory=list)
    looks: list[tuple[float, Look]] = field(default_factory=list)
    """With seconds since the drill began."""
    sent: list[tuple[float, Sent]] = field(default_factory=list)
    incidents: list[tuple[float, str]] = field(default_factory=list)
    """When they were first seen, and their kinds."""
    jobs: int = 0
    """That were confirmed to the client, in the whole drill."""
    jobs_lost: list[str] = field(default_factory=list)
    """Those that did not succeed."""
    rate_per_s: float = 0.0
    took_s: float = 0.0

    @property
    def held(self) -> bool:
        """Whether every expectation held of every fault that ran, one ran at least, and no job was lost."""
        ran = [one for one in self.outcomes if one.verdict is not Verdict.NOT_RUN]
        return bool(ran) and not self.jobs_lost and all(one.verdict is Verdict.HELD for one in ran)


OpenHouse = Callable[[HouseKind], PrivateServer]
Listener = Callable[["Planned | Outcome | str"], None]


class Drill:
    """Runs a plan. `open_house` builds private servers; `target` is a service that runs, instead."""

    def __init__(
        self,
        faults: Mapping[str, type[Fault]],
        materials: Materials,
        options: DrillOptions,
        *,
        open_house: OpenHouse | None = None,
        target: RunningServer | None = None,
        tell: Listener = lambda _: None,
    ) -> None:
        """`tell` hears what begins, what has come of each fault, and remarks."""
        self._faults = faults
        self._materials = materials
        self._options = options
        self._open_house = open_house
        self._target = target
        self._tell = tell
        self._began_at_s = time.monotonic()
        self.result = DrillResult(rate_per_s=options.rate_per_s or 0.0)

    async def run(self, planned: Sequence[Planned]) -> DrillResult:
        """All of the plan. Raises `ServiceError` where the service does not come up at all."""
        self._began_at_s = time.monotonic()
        for kind, those in groupby(planned, key=lambda one: one.house):
            await self._run_in(HouseKind(kind), list(those))
        self.result.took_s = time.monotonic() - self._began_at_s
        return self.result

    async def _run_in(self, kind: HouseKind, planned: list[Planned]) -> None:
        try:
            async with self._house(kind) as house:
                await self._run_with(house, planned)
        except NotHere as missing:
            for one in planned:
                self._close(not_run(self._faults[one.name], self._now_s(), str(missing)))

    @asynccontextmanager
    async def _house(self, kind: HouseKind) -> AsyncIterator[House]:
        if self._target is not None:
            if kind is not HouseKind.USUAL:
                raise NotHere("only a private server can be started so")
            await self._target.check()
            yield self._target
            return
        assert self._open_house is not None
        self._tell("Starting a private server …")
        house = await asyncio.to_thread(self._open_house, kind)
        try:
            house.start()
            await house.until_whole()
            yield house
        finally:
            await house.stop()

    async def _run_with(self, house: House, planned: Sequence[Planned]) -> None:
        traffic = Traffic(
            endpoint=house.endpoint,
            materials=self._materials,
            rate_per_s=self.result.rate_per_s or 1.0,
            concurrency=self._options.concurrency,
            mix=self._options.mix,
        )
        await traffic.learn()
        if not self.result.rate_per_s:
            self.result.rate_per_s = traffic.rate_per_s = await self._measure(house.endpoint)
        observer = Observer(house=house)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(observer)
            await stack.enter_async_context(traffic)
            started_s = time.monotonic()
            for one in planned:
                await asyncio.sleep(max(0.0, started_s + one.at_s - time.monotonic()))
                await self._one(
                    one,
                    Scene(
                        house=house,
                        traffic=traffic,
                        materials=self._materials,
                        dice=random.Random(one.seed),  # noqa: S311 — the same each time is the point
                    ),
                    observer,
                )
            await self._last_jobs(traffic)
        self._keep(traffic, observer)

    async def _measure(self, endpoint: Endpoint) -> float:
        """A rate that leaves room, from a few seconds of as much as goes."""
        self._tell("Measuring what this machine does …")
        flood = Traffic(
            endpoint=endpoint,
            materials=self._materials,
            rate_per_s=1000.0,
            concurrency=8,
            mix=self._options.mix,
            submit_jobs=False,
        )
        async with flood:
            await asyncio.sleep(_MEASURE_S)
            done = sum(one.answer.is_good for one in flood.sent)
        rate_per_s = max(0.5, round(done / _MEASURE_S * _SHARE_OF_CAPACITY, 2))
        self._tell(
            f"{done / _MEASURE_S:.1f} requests per second at most; traffic of {rate_per_s:g} per second."
        )
        return rate_per_s

    async def _last_jobs(self, traffic: Traffic) -> None:
        """No job is counted as lost that only waits for its turn; what does not end at all is."""
        traffic.submit_jobs = False
        await traffic.jobs_end(traffic.jobs, _LAST_JOBS_WITHIN_S)
        self.result.jobs += len(traffic.jobs)
        self.result.jobs_lost += [
            f"{job.id} ({job.state} {job.why}".rstrip() + ")"
            for job in traffic.jobs
            if job.is_lost or job.ended_at_s is None
        ]

    # --- one fault --------------------------------------------------------------------------------------

    async def _one(self, planned: Planned, scene: Scene, observer: Observer) -> None:
        fault = self._faults[planned.name]()
        missing = fault.missing(scene.house)
        if fault.needs_own_server and not scene.house.is_private:
            missing = "only a private server may be treated so"
        if missing:
            self._close(not_run(type(fault), self._now_s(), missing))
            return
        await until_calm(observer, scene.traffic, incident_kinds(fault.expect()), _SETTLE_S)
        self._tell(planned)
        before = observer.looks[-1].workers if observer.looks else frozenset()
        injected_at_s = time.monotonic()
        try:
            await fault.inject(scene)
            ended_at_s = await self._heal(fault, scene, injected_at_s)
        except NotHere as why:
            await self._clean_up(fault, scene)
            self._close(not_run(type(fault), self._now_s(), str(why)))
            return
        except (ServiceError, OSError) as error:
            await self._clean_up(fault, scene)
            scene.broken.append(f"The fault could not be carried out to its end: {error}")
            ended_at_s = time.monotonic()
        expected = fault.expect()
        seen = await self._watch(
            scene,
            observer,
            expected,
            injected_at_s=injected_at_s,
            ended_at_s=ended_at_s,
            before=before,
        )
        self._close(judge(fault, expected, seen, began_at_s=self._began_at_s))

    async def _heal(self, fault: Fault, scene: Scene, injected_at_s: float) -> float:
        """When it was over."""
        if not fault.lasts_s:
            return injected_at_s
        await asyncio.sleep(max(0.0, injected_at_s + fault.lasts_s - time.monotonic()))
        await fault.heal(scene)
        await scene.lift()
        return time.monotonic()

    async def _clean_up(self, fault: Fault, scene: Scene) -> None:
        with suppress(ServiceError, OSError, NotHere):
            await fault.heal(scene)
        with suppress(ServiceError):
            await scene.lift()

    async def _watch(
        self,
        scene: Scene,
        observer: Observer,
        expected: Expectation,
        *,
        injected_at_s: float,
        ended_at_s: float,
        before: frozenset[str],
    ) -> Observed:
        """Looks until it is detected and the service whole again, or the time for that is over."""
        until_s = ended_at_s + expected.recover_within_s
        detected: tuple[float, str] | None = None
        whole_at_s: float | None = None
        while time.monotonic() < until_s:
            detected = detected or detection(scene, observer, expected, injected_at_s, before)
            ready_s = ended_at_s if detected is None else max(ended_at_s, detected[0])
            whole_at_s = whole_since(observer, ready_s)
            answered = all(task.done() for task in scene.running)
            if whole_at_s is not None and answered and (detected or not expected.signs):
                break
            await asyncio.sleep(_STEP_S)
        await scene.lift()
        detected = detected or detection(scene, observer, expected, injected_at_s, before)
        await asyncio.gather(*scene.running, return_exceptions=True)
        closed_at_s = time.monotonic()
        jobs = _concerned(scene.traffic.jobs, injected_at_s, closed_at_s)
        await scene.traffic.jobs_end(jobs, _JOBS_WITHIN_S)
        return Observed(
            injected_at_s=injected_at_s,
            ended_at_s=ended_at_s,
            closed_at_s=closed_at_s,
            detected_at_s=detected[0] if detected else None,
            detected_by=detected[1] if detected else "",
            whole_at_s=whole_at_s,
            silence_s=observer.longest_silence_s(injected_at_s, closed_at_s),
            sent=scene.traffic.between(injected_at_s, closed_at_s),
            carriers=tuple(scene.carriers),
            jobs=jobs,
            incidents=[one.kind for one in observer.incidents_since(injected_at_s)],
            broken=tuple(scene.broken),
        )

    # --- notes ------------------------------------------------------------------------------------------

    def _close(self, outcome: Outcome) -> None:
        self.result.outcomes.append(outcome)
        self._tell(outcome)

    def _now_s(self) -> float:
        return time.monotonic() - self._began_at_s

    def _keep(self, traffic: Traffic, observer: Observer) -> None:
        """Of what was seen in this house, what the report draws; bodies are not kept."""
        begin_s = self._began_at_s
        self.result.looks += [(look.at_s - begin_s, look) for look in observer.looks]
        self.result.sent += [
            (one.answer.sent_at_s - begin_s, replace(one, answer=one.answer.without_body()))
            for one in traffic.sent
        ]
        self.result.incidents += [
            (one.first_seen_at_s - begin_s, one.kind) for one in observer.incidents.values()
        ]


def _concerned(jobs: Sequence[FollowedJob], begin_s: float, end_s: float) -> list[FollowedJob]:
    return [
        job
        for job in jobs
        if job.submitted_at_s <= end_s and (job.ended_at_s is None or job.ended_at_s >= begin_s)
    ]
