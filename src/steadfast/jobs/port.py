"""What the layers above may ask of the jobs: `service.JobService` is it.

`owner` is the id of the API key that asks and sees its own jobs only; None (an administrator) sees all. A
job of somebody else is `JobUnknown`, like one that never was.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from steadfast.jobs.job import Attempt, Item, Job, JobOrder, JobPriority, JobState, ResultFile


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs a list is of; what is None or empty does not matter."""

    states: Sequence[JobState] = ()
    task: str = ""
    subject: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """All of them must match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """A piece of a list, the latest first."""

    jobs: tuple[Job, ...]
    next: str | None
    """What `before` takes to go on; None: that was all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """One thing that happened to a job, as it is kept and sent to those who watch."""

    id: int
    """Increasing within the service; 0: not kept (progress)."""
    kind: str
    """`submitted`, `state`, `held`, `waits`, `segment`, `redone`, `callback`, `progress`, `deleted`, …"""
    at: datetime
    data: Mapping[str, Any]


class Jobs(Protocol):
    """Everything that a client can do with jobs. Errors: `JobUnknown`, and what each one says."""

    async def submit(self, order: JobOrder) -> Job:
        """Records a job; once this returns, it will be finished or will say why not, whatever dies.

        The blobs of its inputs must be there. Raises `DiskFull` while intake is paused, `InvalidOption`,
        `DatabaseProblem`.
        """

    async def get(self, owner: str | None, job_id: str) -> Job:
        """One job as it stands."""

    async def items(self, owner: str | None, job_id: str, *, first: int = 0, limit: int = 100) -> list[Item]:
        """Its items, by number."""

    async def attempts(self, owner: str | None, job_id: str, *, limit: int = 100) -> list[Attempt]:
        """What was tried, the latest first."""

    async def list(
        self, owner: str | None, which: JobFilter, *, limit: int = 50, before: str | None = None
    ) -> JobPage:
        """Jobs, the latest first."""

    async def cancel(self, owner: str | None, job_id: str) -> Job:
        """Takes it back; what runs of it stops within a second.

        Raises `JobConflict` if it has ended otherwise.
        """

    async def retry(self, owner: str | None, job_id: str) -> Job:
        """Starts a failed or cancelled job again; finished segments are kept. Raises `JobConflict`, and
        `InputMissing` once its inputs are deleted.
        """

    async def pause(self, owner: str | None, job_id: str) -> Job:
        """Leases nothing new of it; what runs of it is finished. Raises `JobConflict`."""

    async def resume(self, owner: str | None, job_id: str) -> Job:
        """Goes on. Raises `JobConflict` if it is not paused."""

    async def set_priority(self, owner: str | None, job_id: str, priority: JobPriority) -> Job:
        """Holds from the next free worker on. Raises `JobConflict` if it has ended."""

    async def set_labels(self, owner: str | None, job_id: str, labels: Mapping[str, str]) -> Job:
        """Gives it other labels. Raises `InvalidOption`."""

    async def history(
        self, owner: str | None, job_id: str, *, after: int = 0, limit: int = 500
    ) -> Sequence[HistoryEntry]:
        """What happened after the entry of that id, in order."""

    def watch(self, owner: str | None, job_id: str, *, after: int = 0) -> AsyncIterator[HistoryEntry]:
        """What happened after that entry, then what happens, with progress between, until the job ends."""

    async def result(self, owner: str | None, job_id: str, item: int = 0) -> ResultFile:
        """The result of an item. Raises `ResultNotReady`, or `ResultGone` once it is deleted."""
