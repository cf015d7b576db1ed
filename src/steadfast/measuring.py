"""Settings and parts of the service turned into its metrics."""

import time
from collections.abc import Sequence
from pathlib import Path

from steadfast.api.backend import Backend
from steadfast.blobs.references import stored_bytes
from steadfast.database.database import Database, database_bytes
from steadfast.health.incidents import Incident
from steadfast.health.probes.devices import Nvml
from steadfast.health.readings import Reading
from steadfast.jobs.census import count_open_jobs
from steadfast.observability.metrics.service_metrics import ServiceMetrics, Sources
from steadfast.observability.metrics.storage_metrics import StorageSurvey, StoreFigures
from steadfast.settings import Settings

_AREAS = ("scratch", "uploads", "answers", "crashes")


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
        clock=time.monotonic,
    )
    return ServiceMetrics(sources, survey_every_s=settings.telemetry.survey_every_s)


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
