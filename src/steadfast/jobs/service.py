"""The jobs of one server: what `port.Jobs` promises, on a store, a scheduler and its upkeep."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from steadfast.errors import InvalidOption
from steadfast.events import Event, publish, subscribe
from steadfast.jobs import control, queries
from steadfast.jobs.events import JobEvent, JobHeld, JobProgressed, JobStateChanged, JobSubmitted
from steadfast.jobs.headroom import IntakeGuard
from steadfast.jobs.job import (
    ENDED,
    Attempt,
    Item,
    Job,
    JobOrder,
    JobPriority,
    JobState,
    Progress,
    ResultFile,
)
from steadfast.jobs.labels import OWN_LABELS, TRACE_LABEL, check_labels
from steadfast.jobs.labels import set_labels as write_labels
from steadfast.jobs.port import HistoryEntry, JobFilter, JobPage
from steadfast.jobs.progress import OpenItem, open_items, progress_now
from steadfast.jobs.scheduler import Scheduler
from steadfast.jobs.speed import SpeedMeter
from steadfast.jobs.submission import new_job_id, submit
from steadfast.jobs.transaction import JobDatabase, Transaction
from steadfast.jobs.upkeep import Upkeep
from steadfast.runtime.caller import CALLER

_WATCH_EVERY_S = 0.5
_PAGE = 500


class JobService:
    """See `port.Jobs` for what each method promises."""

    def __init__(
        self,
        jobs: JobDatabase,
        scheduler: Scheduler,
        upkeep: Upkeep,
        guard: IntakeGuard,
        *,
        max_items: int = 10_000,
    ) -> None:
        self.database = jobs
        self.scheduler = scheduler
        self._upkeep = upkeep
        self._guard = guard
        self._max_items = max_items
        self._speed = SpeedMeter()
        self._chores: list[asyncio.Task[None]] = []
        self._news: dict[str, set[asyncio.Event]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Drops what a dead server held, then begins. Raises `DatabaseProblem`."""
        self._unsubscribe = subscribe(self._hear)
        await self._upkeep.begin()
        chores = self.scheduler.run(), self._upkeep.run(), self._measure_speed()
        self._chores = [asyncio.create_task(chore) for chore in chores]

    async def stop(self, *, grace_s: float) -> None:
        """Begins nothing more; what runs is finished in time or given back. Leases are kept meanwhile."""
        await self.scheduler.stop(grace_s)
        for chore in self._chores:
            chore.cancel()
        for chore in self._chores:
            with suppress(asyncio.CancelledError):
                await chore
        self._unsubscribe()
        self.database.close()

    # --- changes -------------------------------------------------------------------------------------

    def check_intake(self) -> None:
        """Raises `DiskFull` while no job is taken, before anything is sent. Asks the disks: in a thread."""
        self._guard.check_now()

    async def submit(self, order: JobOrder, *, job_id: str | None = None) -> Job:
        """Records a job; `job_id`: one that `new_job_id` made, under which inputs may be kept already."""
        _check(order, self._max_items)
        self._guard.check()
        chosen = job_id or new_job_id()
        if traceparent := CALLER.get().traceparent:
            order = replace(order, labels={**order.labels, TRACE_LABEL: traceparent})
        with suppress(IntegrityError):  # written before, by an attempt whose confirmation was lost
            await self.database.write(lambda t: submit(t, chosen, order))
        return await self.get(order.owner, chosen)

    async def cancel(self, owner: str | None, job_id: str) -> Job:
        """Takes it back."""
        return await self._change(owner, job_id, lambda t: control.cancel(t, owner, job_id))

    async def retry(self, owner: str | None, job_id: str) -> Job:
        """Starts it again."""
        return await self._change(owner, job_id, lambda t: control.retry(t, owner, job_id))

    async def pause(self, owner: str | None, job_id: str) -> Job:
        """Leases nothing new of it."""
        return await self._change(owner, job_id, lambda t: control.pause(t, owner, job_id))

    async def resume(self, owner: str | None, job_id: str) -> Job:
        """Goes on."""
        return await self._change(owner, job_id, lambda t: control.resume(t, owner, job_id))

    async def set_priority(self, owner: str | None, job_id: str, priority: JobPriority) -> Job:
        """Moves it."""
        return await self._change(owner, job_id, lambda t: control.set_priority(t, owner, job_id, priority))

    async def note_incident(self, incident: str, job_ids: Sequence[str]) -> None:
        """Keeps with each job that an incident touched it."""
        await self.database.write(lambda t: control.note_incident(t, job_ids, incident))

    async def set_labels(self, owner: str | None, job_id: str, labels: Mapping[str, str]) -> Job:
        """Gives it other labels; those of the service itself stay."""
        check_labels(labels)
        return await self._change(
            owner, job_id, lambda t: write_labels(t, owner, job_id, labels, kept=OWN_LABELS)
        )

    async def _change(self, owner: str | None, job_id: str, change: Callable[[Transaction], None]) -> Job:
        await self.database.write(change)
        self.scheduler.nudge()
        return await self.get(owner, job_id)

    # --- questions -----------------------------------------------------------------------------------

    async def get(self, owner: str | None, job_id: str) -> Job:
        """One job, with the progress of this moment."""
        page = await self._as_they_are_now(
            lambda c: JobPage(jobs=(queries.get(c, owner, job_id),), next=None)
        )
        return page.jobs[0]

    async def now(self) -> datetime:
        """By the clock that dates jobs."""
        clock = self.database.clock
        return await self.database.read(lambda connection: clock.moment(clock.now_s(connection)))

    async def items(self, owner: str | None, job_id: str, *, first: int = 0, limit: int = 100) -> list[Item]:
        """Its items."""
        return await self.database.read(lambda c: queries.items(c, owner, job_id, first, limit))

    async def attempts(self, owner: str | None, job_id: str, *, limit: int = 100) -> list[Attempt]:
        """What was tried."""
        return await self.database.read(lambda c: queries.attempts(c, owner, job_id, limit))

    async def list(
        self, owner: str | None, which: JobFilter, *, limit: int = 50, before: str | None = None
    ) -> JobPage:
        """Jobs, the latest first."""
        return await self._as_they_are_now(lambda c: queries.page(c, owner, which, limit, before))

    async def history(
        self, owner: str | None, job_id: str, *, after: int = 0, limit: int = _PAGE
    ) -> Sequence[HistoryEntry]:
        """What happened."""
        return await self.database.read(lambda c: queries.history(c, owner, job_id, after, limit))

    async def result(self, owner: str | None, job_id: str, item: int = 0) -> ResultFile:
        """The result of an item."""
        return await self.database.read(lambda c: queries.result(c, owner, job_id, item))

    async def watch(self, owner: str | None, job_id: str, *, after: int = 0) -> AsyncIterator[HistoryEntry]:
        """What happened, then what happens; ends once a job that has ended has told everything."""
        news = asyncio.Event()
        self._news.setdefault(job_id, set()).add(news)
        told, missed = None, ""
        try:
            while True:
                news.clear()
                job = await self.get(owner, job_id)
                for entry in await self._all_after(owner, job_id, after):
                    after = entry.id
                    yield entry
                if job.has_ended:
                    return
                lacking = "" if job.waits_for is None else job.waits_for.detail
                if lacking != missed:
                    missed = lacking
                    yield _waits(lacking)
                if job.progress != told and job.state is JobState.RUNNING:
                    told = job.progress
                    publish(
                        JobProgressed(
                            job_id=job.id, owner=job.order.owner, task=job.order.task, progress=told
                        )
                    )
                    yield HistoryEntry(
                        id=0, kind="progress", at=datetime.now(UTC), data=progress_as_dict(told)
                    )
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), _WATCH_EVERY_S)
        finally:
            self._news[job_id].discard(news)
            if not self._news[job_id]:
                del self._news[job_id]

    async def _all_after(self, owner: str | None, job_id: str, after: int) -> Sequence[HistoryEntry]:
        entries: tuple[HistoryEntry, ...] = ()
        while page := await self.history(owner, job_id, after=after):
            entries += tuple(page)
            after = page[-1].id
            if len(page) < _PAGE:
                break
        return entries

    # --- what happens now ----------------------------------------------------------------------------

    def _hear(self, fact: Event) -> None:
        if not isinstance(fact, JobStateChanged | JobSubmitted | JobHeld):
            return
        if isinstance(fact, JobStateChanged) and fact.after in ENDED:
            self.scheduler.interrupt(fact.job_id)
            self._speed.forget(fact.job_id)
            self.scheduler.units_done.pop(fact.job_id, None)
        self.scheduler.nudge()
        self._tell_watchers(fact)

    def _tell_watchers(self, fact: JobEvent) -> None:
        for news in self._news.get(fact.job_id, ()):
            news.set()

    async def _measure_speed(self) -> None:
        while True:
            flying = {flight.lease.job_id for flight in self.scheduler.flights}
            for job_id in flying:
                self._speed.note(job_id, self.scheduler.units_done[job_id])
            for job_id in self.scheduler.units_done.keys() - self._speed.forget_silent():
                del self.scheduler.units_done[job_id]
            await asyncio.sleep(_WATCH_EVERY_S)

    async def _as_they_are_now(self, question: Callable[[Connection], JobPage]) -> JobPage:
        """Adds what their rows do not know: what is under way, and whether anybody can do the rest."""

        def ask(connection: Connection) -> tuple[JobPage, dict[str, list[OpenItem]]]:
            page = question(connection)
            begun = [job.id for job in page.jobs if not job.has_ended and job.progress.frames_total]
            return page, open_items(connection, begun, str(self.database.here))

        page, items = await self.database.read(ask)
        jobs = [self._with_progress(await self._with_lack(job), items.get(job.id, ())) for job in page.jobs]
        return JobPage(jobs=tuple(jobs), next=page.next)

    async def _with_lack(self, job: Job) -> Job:
        if job.ready_steps and not job.held and job.state in (JobState.QUEUED, JobState.RUNNING):
            waits_for = await self.scheduler.company.lacks(job)
            if waits_for is not None:
                return replace(job, waits_for=waits_for)
        return job

    def _with_progress(self, job: Job, items: Sequence[OpenItem]) -> Job:
        if not items:
            return job
        flights = [flight for flight in self.scheduler.flights if flight.lease.job_id == job.id]
        progress = progress_now(job, items, flights)
        if flights:
            left = _expected_frames(progress, len(items)) - progress.frames_done
            left_s, fps = self._speed.left_s(job.id, left), self._speed.per_s(job.id)
            progress = replace(progress, fps=fps, left_s=left_s)
        return replace(job, progress=progress)


def _waits(why: str) -> HistoryEntry:
    """Told to those who watch, and kept nowhere: it is a matter of who is there."""
    return HistoryEntry(id=0, kind="waits", at=datetime.now(UTC), data={"why": why})


def _expected_frames(progress: Progress, items_in_work: int) -> int:
    """Also of the items of a batch that nobody has looked at yet: they are taken to be like the others."""
    known = min(progress.items_total, progress.items_done + progress.items_failed + items_in_work)
    return round(progress.frames_total * progress.items_total / max(1, known))


def progress_as_dict(progress: Progress) -> dict[str, object]:
    """As it is sent to those who watch."""
    plain: dict[str, object] = msgspec.to_builtins(progress)
    return plain


def _check(order: JobOrder, max_items: int) -> None:
    if not 1 <= len(order.items) <= max_items:
        raise InvalidOption(f"A job has 1 to {max_items} items; this one has {len(order.items)}.")
    check_labels(order.labels)
    if len(order.subject) > 200:
        raise InvalidOption("A subject has at most 200 characters.")
    if order.expires_in_s is not None and order.expires_in_s <= 0:
        raise InvalidOption("A job expires later than now.")
    if not 0.2 <= order.segment_s <= 600:
        raise InvalidOption("Segments are 0.2 to 600 seconds long.")
