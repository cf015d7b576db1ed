"""All metrics of a server as one object: it listens, reads at each scrape, and answers a scrape."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client.registry import CollectorRegistry

from steadfast.admission.snapshot import GateSnapshot
from steadfast.errors import SteadfastError
from steadfast.events import subscribe_to
from steadfast.health.incidents import Incident
from steadfast.health.probes.devices import DeviceReading
from steadfast.health.readings import Reading
from steadfast.observability.metrics import (
    build_metrics,
    cluster_metrics,
    entailment_metrics,
    gate_metrics,
    health_metrics,
    http_metrics,
    job_metrics,
    pool_metrics,
    quality_metrics,
    request_metrics,
    storage_metrics,
    worker_metrics,
)
from steadfast.observability.metrics.cluster_metrics import ClusterFigures
from steadfast.observability.metrics.exposition import Exposition
from steadfast.observability.metrics.family import Family
from steadfast.observability.metrics.instrument import Readings
from steadfast.observability.metrics.storage_metrics import StorageSurvey, StoreFigures
from steadfast.runtime.events import WorkerStateChanged
from steadfast.runtime.memory import resident_bytes
from steadfast.runtime.snapshot import Snapshot

FAMILIES: tuple[Family, ...] = (
    *build_metrics.FAMILIES,
    *request_metrics.FAMILIES,
    *gate_metrics.FAMILIES,
    *worker_metrics.FAMILIES,
    *pool_metrics.FAMILIES,
    *job_metrics.FAMILIES,
    *quality_metrics.FAMILIES,
    *entailment_metrics.FAMILIES,
    *health_metrics.FAMILIES,
    *storage_metrics.FAMILIES,
    *http_metrics.FAMILIES,
    *cluster_metrics.FAMILIES,
)
"""Everything that `/metrics` may show; `docs/reference/metrics.md` is made from it."""


def _nothing() -> tuple[()]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is read at a scrape; every one answers at once, from memory."""

    snapshot: Callable[[], Snapshot]
    gate: Callable[[], GateSnapshot]
    answers: Callable[[], Mapping[tuple[str, int], int]]
    """HTTP answers by route and status."""
    answer_seconds: Callable[[], Mapping[str, float]]
    running: Callable[[], int]
    filed_bytes: Callable[[], int]
    """Of bodies on disk."""
    quota_bytes: int
    survey: StorageSurvey
    readings: Callable[[], Sequence[Reading]] = field(default=_nothing)
    open_incidents: Callable[[], Sequence[Incident]] = field(default=_nothing)
    devices: Callable[[], Sequence[DeviceReading]] = field(default=_nothing)
    cluster: Callable[[], ClusterFigures | None] = field(default=lambda: None)
    clock: Callable[[], float] = time.monotonic
    """The one of `readings`."""


class ServiceMetrics:
    """Lives as long as the server."""

    def __init__(self, sources: Sources, *, survey_every_s: float = 15.0) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._exposition = Exposition(self.registry)
        self._survey = sources.survey
        self._survey_every_s = survey_every_s
        build_metrics.tell_build(self.registry)
        self.jobs = job_metrics.JobMetrics(self.registry, clock=sources.clock)
        self._of_tasks = (
            request_metrics.RequestMetrics(self.registry),
            worker_metrics.WorkerMetrics(self.registry),
            self.jobs,
        )
        self._listeners = (
            *self._of_tasks,
            quality_metrics.QualityMetrics(self.registry),
            entailment_metrics.EntailmentMetrics(self.registry),
            health_metrics.HealthMetrics(self.registry),
        )
        self._met: set[str] = set()
        for readings in _readings(sources):
            self.registry.register(readings)
        self._deafen: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begins to listen."""
        self._deafen.append(subscribe_to(WorkerStateChanged, self._meet))
        for listener in self._listeners:
            self._deafen.extend(listener.listen())

    def _meet(self, event: WorkerStateChanged) -> None:
        if event.task not in self._met:
            self._met.add(event.task)
            for metrics in self._of_tasks:
                metrics.meet(event.task)

    def stop(self) -> None:
        """Listens no more; what was counted can still be asked for."""
        while self._deafen:
            self._deafen.pop()()

    async def survey_forever(self) -> None:
        """Looks at the disks now and then, in a thread: a disk that hangs holds up nobody."""
        while True:
            began_s = time.monotonic()
            await asyncio.to_thread(self._survey.look)
            await asyncio.sleep(self._pause_s(time.monotonic() - began_s))

    async def ask_forever(self, ask: Callable[[], Awaitable[StoreFigures]]) -> None:
        """Asks the database now and then; one that does not answer is asked again."""
        while True:
            began_s = time.monotonic()
            with suppress(SteadfastError):
                self._take(await ask())
            await asyncio.sleep(self._pause_s(time.monotonic() - began_s))

    def _take(self, figures: StoreFigures) -> None:
        self.jobs.counts = figures.jobs
        self._survey.told_bytes = {"blobs": figures.blob_bytes}
        if figures.database_bytes is not None:
            self._survey.told_bytes["database"] = figures.database_bytes

    def _pause_s(self, took_s: float) -> float:
        """A look that takes long, because there are many files or jobs, comes more seldom."""
        return max(self._survey_every_s, took_s * _REST)

    def expose(self, accept: str = "") -> tuple[bytes, bytes]:
        """Content type and body for a client that accepts that."""
        return self._exposition.answer(accept)


_FRESH_S = 0.05
_REST = 100.0
"""Times of a look that follow it without one: it takes a hundredth of one core at most."""
ValueT = TypeVar("ValueT")


def _once_per_scrape(read: Callable[[], ValueT], clock: Callable[[], float]) -> Callable[[], ValueT]:
    """Several families are read from one snapshot, which is taken once for all of them."""
    kept: list[tuple[float, ValueT]] = []

    def remembered() -> ValueT:
        now_s = clock()
        if not kept or now_s - kept[0][0] >= _FRESH_S:
            kept[:] = [(now_s, read())]
        return kept[0][1]

    return remembered


def _readings(sources: Sources) -> list[Readings]:
    clock = sources.clock
    readings = _once_per_scrape(sources.readings, clock)
    return [
        gate_metrics.gate_readings(_once_per_scrape(sources.gate, clock)),
        pool_metrics.pool_readings(_once_per_scrape(sources.snapshot, clock)),
        health_metrics.health_readings(readings, sources.open_incidents, clock),
        health_metrics.device_readings(sources.devices),
        storage_metrics.storage_readings(
            sources.survey, filed_bytes=sources.filed_bytes, quota_bytes=sources.quota_bytes
        ),
        http_metrics.http_readings(sources.answers, sources.answer_seconds, sources.running),
        cluster_metrics.cluster_readings(_once_per_scrape(sources.cluster, clock)),
        Readings(
            {
                build_metrics.CPU: lambda: [((), time.process_time())],
                build_metrics.RESIDENT: lambda: [((), float(resident_bytes(os.getpid())))],
            }
        ),
    ]
