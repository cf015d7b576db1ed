"""Settings turned into the jobs of a service: their store, their scheduler, and the folders between them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from steadfast.admission.gate import Gate
from steadfast.api.backend import JobTerms
from steadfast.assembly.staffing import lending_folder
from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.errors import OutputUnwritable
from steadfast.jobs.calls import Company
from steadfast.jobs.carrier import Carrier
from steadfast.jobs.headroom import IntakeGuard, rooms_of
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.lanes import Needs, nothing_special
from steadfast.jobs.runtime_work import RuntimeWork
from steadfast.jobs.scheduler import Scheduler, SchedulerOptions
from steadfast.jobs.service import JobService
from steadfast.jobs.transaction import JobDatabase
from steadfast.jobs.upkeep import Upkeep
from steadfast.runtime.port import Runtime
from steadfast.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedTerms:
    """What is different where several servers share the jobs."""

    needs: Needs = nothing_special
    company: Company = field(default_factory=Company)
    is_chief: Callable[[], bool] = lambda: True
    """Whether what one server does for all is done here."""
    poll_s: float = 0.5
    """How often to look for work of which nobody told."""


def open_jobs(
    settings: Settings,
    *,
    database: Database,
    library: BlobLibrary,
    runtime: Runtime,
    gate: Gate,
    tasks: tuple[str, ...],
    shared: SharedTerms | None = None,
) -> JobService:
    """The jobs of this server, not begun yet; `tasks`: those whose workers do them.

    What a killed server has left between store and workers is removed. Raises `OutputUnwritable`.
    """
    lending, delivery = lending_folder(settings), settings.data_dir / "scratch" / "delivered"
    for folder in (lending, delivery):
        _empty(folder)
    shared = shared or SharedTerms()
    here = Incarnation.of_this_process()
    jobs = JobDatabase(database, library, here=here, needs=shared.needs)
    work = RuntimeWork(runtime, delivery, sampled=settings.objectives.sampled)
    options = SchedulerOptions(
        tasks=tasks,
        lease_s=settings.jobs.lease_s,
        open_jobs=settings.jobs.open_by_key,
        most_failures=settings.jobs.max_attempts,
        most_places=settings.jobs.max_workers,
        poll_s=shared.poll_s,
    )
    carrier = Carrier(jobs, work, lending)
    scheduler = Scheduler(jobs, carrier, gate, work.places, options, company=shared.company)
    guard = IntakeGuard(rooms_of(library, settings.data_dir), full_at=settings.blobs.full_at)
    upkeep = Upkeep(jobs, scheduler, guard, lease_s=settings.jobs.lease_s, is_chief=shared.is_chief)
    return JobService(jobs, scheduler, upkeep, guard, max_items=settings.jobs.max_items)


def job_terms(settings: Settings) -> JobTerms:
    """What a job gets where it does not say so itself."""
    return JobTerms(
        segment_s=settings.jobs.segment_s,
        max_items=settings.jobs.max_items,
        longest_kept_s=settings.retention.longest_hours * 3600,
    )


def _empty(folder: Path) -> None:
    """Makes the folder, or removes what is in it; it stays the same one, which workers may know already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritable(f"The folder {folder} cannot be used: {reason}.") from error
