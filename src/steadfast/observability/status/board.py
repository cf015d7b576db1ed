"""Puts the status together from what the parts of the service know, at most twice a second."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from steadfast import __version__
from steadfast.admission.snapshot import GateSnapshot, LaneSnapshot
from steadfast.errors import SteadfastError
from steadfast.events import subscribe_to
from steadfast.health.incidents import Incident
from steadfast.health.probes.devices import DeviceReading
from steadfast.health.readings import RANK, Reading, Status
from steadfast.health.verdict import Verdict
from steadfast.jobs.job import Job, JobState
from steadfast.observability.metrics.pool_metrics import placed, process_cpu_s
from steadfast.observability.requests import RequestEnded
from steadfast.observability.status.document import (
    DeviceStatus,
    IncidentStatus,
    JobsStatus,
    JobStatus,
    ProbeStatus,
    QueueStatus,
    ServiceStatus,
    TaskStatus,
    WorkerStatus,
)
from steadfast.observability.status.trend import TrafficTrend
from steadfast.runtime.events import RuntimeEvent, SpareTookOver, WorkerDied, WorkerLoaded
from steadfast.runtime.memory import resident_bytes
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot

_FRESH_S = 0.5
_JOBS_WITHIN_S = 1.0
"""A database that takes longer is left out, so that the rest can be seen when it matters most."""
_GOOD = frozenset({Status.OK, Status.DISABLED})


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenJobs:
    """What the database knows of jobs that are not over."""

    counts: Mapping[str, int]
    latest: Sequence[Job]


def _nothing() -> tuple[()]:
    return ()


@dataclass(frozen=True, kw_only=True)
class StatusSources:
    """What the status is read from; all but `jobs` answer at once, from memory."""

    snapshot: Callable[[], Snapshot]
    gate: Callable[[], GateSnapshot]
    verdict: Callable[[], Verdict]
    running: Callable[[], int]
    readings: Callable[[], Sequence[Reading]] = field(default=_nothing)
    open_incidents: Callable[[], Sequence[Incident]] = field(default=_nothing)
    devices: Callable[[], Sequence[DeviceReading]] = field(default=_nothing)
    jobs: Callable[[], Awaitable[OpenJobs | None]] | None = None
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time


class CpuShares:
    """Cores that processes kept busy between two looks."""

    def __init__(self, clock: Callable[[], float], cpu_s: Callable[[int], float] = process_cpu_s) -> None:
        self._clock = clock
        self._cpu_s = cpu_s
        self._before: dict[int, tuple[float, float]] = {}

    def look(self, pids: Sequence[int]) -> Mapping[int, float | None]:
        """By process; None where it was not looked at before."""
        now_s = self._clock()
        used = {pid: (now_s, self._cpu_s(pid)) for pid in pids}
        shares = {pid: self._share(self._before.get(pid), *look) for pid, look in used.items()}
        self._before = used
        return shares

    @staticmethod
    def _share(before: tuple[float, float] | None, now_s: float, cpu_s: float) -> float | None:
        if before is None or now_s <= before[0]:
            return None
        return round(max(0.0, cpu_s - before[1]) / (now_s - before[0]), 3)


class StatusBoard:
    """Lives as long as the server."""

    def __init__(self, sources: StatusSources) -> None:
        self._sources = sources
        self._trend = TrafficTrend(sources.clock)
        self._shares = CpuShares(sources.clock)
        self._began_s = sources.clock()
        self._places: dict[str, tuple[str, str]] = {}
        """Task and place by the name of a worker, as they were last seen."""
        self._deaths: Counter[tuple[str, str]] = Counter()
        self._deafen: list[Callable[[], None]] = []
        self._kept: tuple[float, ServiceStatus] | None = None
        self._looking = asyncio.Lock()

    def start(self) -> None:
        """Begins to listen."""
        self._deafen = [
            subscribe_to(RequestEnded, self._trend.hear),
            subscribe_to(WorkerLoaded, self._remember_places),
            subscribe_to(SpareTookOver, self._remember_places),
            subscribe_to(WorkerDied, self._died),
        ]

    def stop(self) -> None:
        """Listens no more."""
        while self._deafen:
            self._deafen.pop()()

    async def status(self) -> ServiceStatus:
        """Everything, at most half a second old."""
        async with self._looking:
            now_s = self._sources.clock()
            if self._kept is None or now_s - self._kept[0] >= _FRESH_S:
                self._kept = (now_s, self._look(await self._jobs()))
            return self._kept[1]

    # --- parts ------------------------------------------------------------------------------------------

    def _look(self, jobs: JobsStatus | None) -> ServiceStatus:
        sources, snapshot = self._sources, self._sources.snapshot()
        verdict, readings = sources.verdict(), sources.readings()
        own = os.getpid()
        shares = self._shares.look([own, *(worker.pid for _, _, worker in placed(snapshot))])
        return ServiceStatus(
            at_s=round(sources.wall_clock(), 3),
            word=verdict.word.value,
            reasons=verdict.reasons,
            tasks=tuple(_tasks(snapshot, sources.gate())),
            incidents=tuple(map(_incident, sources.open_incidents())),
            is_whole=True,
            version=__version__,
            uptime_s=round(sources.clock() - self._began_s, 1),
            running=sources.running(),
            workers=tuple(self._workers(snapshot, shares)),
            traffic=self._trend.status(),
            jobs=jobs,
            devices=tuple(map(_device, sources.devices())),
            probes_ok=sum(reading.status in _GOOD for reading in readings),
            probes=tuple(_bad_probes(readings)),
            server_rss_bytes=resident_bytes(own),
            server_cpu=shares[own],
        )

    def _workers(self, snapshot: Snapshot, shares: Mapping[int, float | None]) -> Iterator[WorkerStatus]:
        seen = {}
        for task, place, worker in placed(snapshot):
            seen[worker.name] = (task, place)
            yield _worker(task, place, worker, cpu=shares[worker.pid], deaths=self._deaths[task, place])
        self._places = seen

    def _remember_places(self, _: RuntimeEvent) -> None:
        """Nobody may have looked before the first death, and who has died stands nowhere any more."""
        for task, place, worker in placed(self._sources.snapshot()):
            self._places[worker.name] = (task, place)

    def _died(self, death: WorkerDied) -> None:
        if not death.wanted:
            self._deaths[self._place_of(death)] += 1

    def _place_of(self, death: WorkerDied) -> tuple[str, str]:
        """Asked as it dies, when it still stands there; else as it was when somebody last looked."""
        for task, place, worker in placed(self._sources.snapshot()):
            if (task, worker.name) == (death.task, death.worker):
                return task, place
        return self._places.get(death.worker, (death.task, ""))

    async def _jobs(self) -> JobsStatus | None:
        if self._sources.jobs is None:
            return None
        try:
            async with asyncio.timeout(_JOBS_WITHIN_S):
                found = await self._sources.jobs()
        except (TimeoutError, SteadfastError):
            return None
        if found is None:
            return None
        latest = sorted(found.latest, key=lambda job: job.state is not JobState.RUNNING)
        return JobsStatus(counts=dict(found.counts), latest=tuple(map(_job, latest)))


def for_everybody(status: ServiceStatus) -> ServiceStatus:
    """What may be told without a key: no version, no worker, no traffic, no name of anything."""
    return ServiceStatus(
        at_s=status.at_s,
        word=status.word,
        reasons=status.reasons,
        tasks=tuple(
            TaskStatus(name=task.name, ready=task.ready, why_not=task.why_not, degraded=task.degraded)
            for task in status.tasks
        ),
        incidents=tuple(
            IncidentStatus(kind=one.kind, severity=one.severity, since=one.since) for one in status.incidents
        ),
        is_whole=False,
    )


def _tasks(snapshot: Snapshot, gate: GateSnapshot) -> Iterator[TaskStatus]:
    lanes = {lane.task: lane for lane in gate.lanes}
    for pool in snapshot.pools:
        yield _task(pool, lanes.get(pool.task))


def _task(pool: PoolSnapshot, lane: LaneSnapshot | None) -> TaskStatus:
    return TaskStatus(
        name=pool.task,
        ready=pool.ready,
        why_not=pool.why_not,
        degraded=pool.degraded,
        breaker=pool.breaker.value,
        busy=pool.busy,
        able=pool.able,
        places=pool.places,
        spares_ready=pool.spares_ready,
        inside=lane.inside if lane else 0,
        limit=lane.limit if lane else 0,
        queue=tuple(_queue(lane)) if lane else (),
    )


def _queue(lane: LaneSnapshot) -> Iterator[QueueStatus]:
    for priority, waiting in lane.waiting.items():
        yield QueueStatus(
            priority=priority.value,
            waiting=waiting,
            oldest_s=round(lane.oldest_wait_s.get(priority, 0.0), 3),
            predicted_s=round(lane.predicted_wait_s.get(priority, 0.0), 3),
        )


def _worker(task: str, place: str, worker: WorkerSnapshot, *, cpu: float | None, deaths: int) -> WorkerStatus:
    return WorkerStatus(
        place=place,
        task=task,
        name=worker.name,
        pid=worker.pid,
        state=worker.state.value,
        device=worker.device,
        level=worker.level,
        working_on=len(worker.requests),
        served=worker.served,
        age_s=round(worker.age_s, 1),
        silent_s=round(worker.silent_s, 1),
        rss_bytes=worker.rss_bytes,
        device_bytes=worker.device_bytes,
        cpu=cpu,
        deaths=deaths,
    )


def _incident(incident: Incident) -> IncidentStatus:
    return IncidentStatus(
        kind=incident.kind,
        severity=incident.severity.value,
        since=incident.detected_at.isoformat(),
        id=incident.id,
        subject=incident.subject,
        evidence=incident.evidence[-1] if incident.evidence else "",
    )


def _device(device: DeviceReading) -> DeviceStatus:
    return DeviceStatus(
        name=device.name,
        utilisation=device.utilisation,
        memory_used_bytes=device.memory_used_bytes,
        memory_total_bytes=device.memory_total_bytes,
        temperature_c=device.temperature_c,
        power_w=device.power_w,
    )


def _bad_probes(readings: Sequence[Reading]) -> list[ProbeStatus]:
    bad = [reading for reading in readings if reading.status not in _GOOD]
    return [
        ProbeStatus(
            probe=reading.probe,
            status=reading.status.value,
            subject=reading.subject,
            value=reading.value,
            unit=reading.unit,
            note=reading.note,
        )
        for reading in sorted(bad, key=lambda reading: -RANK[reading.status])
    ]


def _job(job: Job) -> JobStatus:
    progress = job.progress
    return JobStatus(
        id=job.id,
        state=job.state.value,
        task=job.order.task,
        priority=job.order.priority.name.lower(),
        share=round(progress.share, 4),
        segments_done=progress.segments_done,
        segments_total=progress.segments_total,
        items_done=progress.items_done,
        items_total=progress.items_total,
        fps=progress.fps,
        left_s=progress.left_s,
        held=job.held,
    )
