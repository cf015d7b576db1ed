"""Settings and parts of the service turned into its metrics."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from steadfast.api.backend import Backend, Role
from steadfast.blobs.references import stored_bytes
from steadfast.database.database import Database, database_bytes
from steadfast.health.incidents import Incident
from steadfast.health.probes.devices import Nvml
from steadfast.health.readings import Reading
from steadfast.health.verdict import Judge, Verdict
from steadfast.jobs.census import OPEN_STATES, count_open_jobs
from steadfast.jobs.job import JobState
from steadfast.jobs.port import JobFilter
from steadfast.observability.metrics.cluster_metrics import ClusterFigures
from steadfast.observability.metrics.service_metrics import ServiceMetrics, Sources
from steadfast.observability.metrics.storage_metrics import StorageSurvey, StoreFigures
from steadfast.observability.status.board import OpenJobs, StatusBoard, StatusSources
from steadfast.runtime.snapshot import Snapshot
from steadfast.settings import Settings

_AREAS = ("scratch", "uploads", "answers", "crashes")
_JOBS_SHOWN = 12


def service_metrics(settings: Settings, backend: Backend, nvml: Nvml) -> ServiceMetrics:
    """Metrics of everything behind HTTP, not yet listening; the health watch may come later."""

    def readings() -> Sequence[Reading]:
        return backend.health.last_readings() if backend.health is not None else ()

    def open_incidents() -> Sequence[Incident]:
        return backend.health.open_incidents() if backend.health is not None else ()

    sources = Sources(
        snapshot=backend.runtime.snapshot,
        gate=backend.gate.snapshot,
        answers=backend.tally.answers,
        answer_seconds=backend.tally.seconds,
        running=lambda: backend.tally.running,
        filed_bytes=lambda: backend.room.filed_bytes,
        quota_bytes=backend.room.disk_bytes,
        survey=StorageSurvey(_areas(settings), _disks(settings)),
        readings=readings,
        open_incidents=open_incidents,
        devices=lambda: nvml.latest,
        cluster=lambda: _cluster_figures(backend),
        clock=time.monotonic,
    )
    return ServiceMetrics(sources, survey_every_s=settings.telemetry.survey_every_s)


def _cluster_figures(backend: Backend) -> ClusterFigures | None:
    state = backend.cluster.latest if backend.cluster is not None else None
    if state is None:
        return None
    waiting = {(row["capability"], row["priority"]): row for row in (one.as_dict() for one in state.demand)}
    return ClusterFigures(
        device_s={labels: row["device_s"] for labels, row in waiting.items()},
        steps={labels: row["steps"] for labels, row in waiting.items()},
        oldest_s={labels: row["oldest_s"] for labels, row in waiting.items()},
        unserved={labels: row["unserved_steps"] for labels, row in waiting.items()},
        nodes=Counter(node.state.value for node in state.nodes),
        skew_s=state.as_dict()["clock_skew_s"],
    )


def status_board(backend: Backend, nvml: Nvml) -> StatusBoard:
    """The status of everything behind HTTP, not yet listening; health and jobs may come later."""
    judge = Judge(needs_tasks=backend.role is not Role.API)

    def verdict() -> Verdict:
        pools = backend.runtime.snapshot().pools
        if backend.health is not None:
            return backend.health.verdict(pools, stopping=backend.stopping)
        return judge.verdict(Snapshot(pools=pools, stopping=backend.stopping))

    return StatusBoard(
        StatusSources(
            snapshot=backend.runtime.snapshot,
            gate=backend.gate.snapshot,
            verdict=verdict,
            running=lambda: backend.tally.running,
            readings=lambda: backend.health.last_readings() if backend.health is not None else (),
            open_incidents=lambda: backend.health.open_incidents() if backend.health is not None else (),
            devices=lambda: nvml.latest,
            jobs=lambda: _open_jobs(backend),
            clock=time.monotonic,
        )
    )


async def _open_jobs(backend: Backend) -> OpenJobs | None:
    """Those that run first, then those that wait."""
    if backend.jobs is None:
        return None
    counts = await backend.jobs.database.read(count_open_jobs)
    latest = (await backend.jobs.list(None, JobFilter(states=[JobState.RUNNING]), limit=_JOBS_SHOWN)).jobs
    if len(latest) < _JOBS_SHOWN and sum(counts.values()) > len(latest):
        others = [state for state in OPEN_STATES if state is not JobState.RUNNING]
        left = _JOBS_SHOWN - len(latest)
        latest += (await backend.jobs.list(None, JobFilter(states=others), limit=left)).jobs
    return OpenJobs(counts=counts, latest=latest)


def store_figures(database: Database) -> StoreFigures:
    """What only the database can tell. Blocks; raises `DatabaseProblem`."""
    with database.reading() as connection:
        is_file = database.options.file is not None
        return StoreFigures(
            jobs=count_open_jobs(connection),
            blob_bytes=stored_bytes(connection),
            database_bytes=None if is_file else database_bytes(connection),
        )


def _areas(settings: Settings) -> dict[str, Path]:
    areas = {name: settings.data_dir / name for name in _AREAS}
    if settings.database.url is None:  # else it lies with another program
        areas["database"] = settings.data_dir / "steadfast.db"
    return areas | {"models": settings.models.dir}


def _disks(settings: Settings) -> dict[str, Path]:
    disks = {"data": settings.data_dir}
    return disks | {"models": settings.models.dir} if settings.models.dir.is_dir() else disks
