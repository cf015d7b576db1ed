"""Deletes what is past its time: inputs, results, at last the rows; and what nobody needs any more."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, delete, exists, func, literal, or_, select

from steadfast.blobs.library import Removed
from steadfast.blobs.references import REFERENCES, Reference
from steadfast.blobs.scratch import clean_scratch
from steadfast.database.schema import UtcTime
from steadfast.errors import SteadfastError
from steadfast.jobs.deletion import DELETIONS, DeletionReason, forget_job, let_inputs_go, let_results_go
from steadfast.jobs.purge import Purge
from steadfast.jobs.rows import AnyRow
from steadfast.jobs.tables import JOBS
from steadfast.jobs.transaction import JobDatabase, Transaction
from steadfast.jobs.updates import lock_job
from steadfast.uploads.upload import UPLOADS

_log = logging.getLogger(__name__)

_AT_ONCE = 100
_TIME_TO_BECOME_A_JOB = timedelta(days=1)
_SWEEP_EVERY_S = 3600.0
"""How often every file is looked at, for those that no row knows."""

LetGo = Callable[[Transaction, AnyRow, DeletionReason], list[Reference]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionTerms:
    """How long things are kept after a job's end; a job may say so for its own files."""

    inputs: timedelta = timedelta(hours=24)
    results: timedelta = timedelta(days=7)
    longest: timedelta = timedelta(days=365)
    """Beyond which no job has its files kept, whatever it says."""
    records: timedelta = timedelta(days=365)
    """Rows of jobs, and the record of what was deleted."""


class Retention:
    """Runs beside the scheduler."""

    def __init__(
        self,
        jobs: JobDatabase,
        terms: RetentionTerms,
        *,
        every_s: float = 60.0,
        scratch: Sequence[Path] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self.terms = terms
        self._every_s = every_s
        self._scratch = scratch
        self._clock = clock
        self._swept_s: float | None = None
        self._cleaned_s: float | None = None

    async def run(self, is_chief: Callable[[], bool] = lambda: True) -> None:
        """Does every round in its time, for ever; one that fails is done again at the next.

        `is_chief`: whether what one server does for all is done here; each tidies its own disk.
        """
        while True:
            try:
                if is_chief():
                    await self.sweep()
                else:
                    await self._tidy_here()
            except SteadfastError as error:
                _log.warning("retention failed", extra={"code": error.code, "detail": error.detail})
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> Removed:
        """One round, after purges that were broken off; the answer is what left the store by its time."""
        try:
            await Purge(self._jobs).take_up()
        except SteadfastError as error:  # what hinders one purge must not keep everybody's files
            _log.warning("a purge is not finished", extra={"code": error.code, "detail": error.detail})
        removed = await self._let_go("keep_inputs_s", "inputs_gone_at", self.terms.inputs, let_inputs_go)
        removed += await self._let_go("keep_results_s", "results_gone_at", self.terms.results, let_results_go)
        await self._forget_old()
        # At once: whatever is kept has its owner from the moment it has a row.
        removed += await asyncio.to_thread(self._jobs.library.collect, grace=timedelta(0))
        if self._swept_s is None or self._clock() - self._swept_s >= _SWEEP_EVERY_S:
            removed += await asyncio.to_thread(self._jobs.library.sweep)
            await self._let_orphans_go()
            self._swept_s = self._clock()
        await self._tidy_here()
        return removed

    async def _tidy_here(self) -> None:
        """What each server does for itself: forgets what was deleted elsewhere, cleans its scratch folder."""
        await asyncio.to_thread(self._jobs.library.forget_cached)
        if self._cleaned_s is None or self._clock() - self._cleaned_s >= _SWEEP_EVERY_S:
            await asyncio.to_thread(clean_scratch, self._scratch)
            self._cleaned_s = self._clock()

    async def _let_go(self, keep: str, gone_at: str, usual: timedelta, let_go: LetGo) -> Removed:
        removed = Removed()
        while True:
            due = await self._due(keep, gone_at, usual)
            for job_id in due:
                gone = await self._jobs.write(lambda t, one=job_id: _one(t, one, gone_at, let_go))  # type: ignore[misc]
                removed += await asyncio.to_thread(self._erase, gone)
            if len(due) < _AT_ONCE:
                return removed

    async def _due(self, keep: str, gone_at: str, usual: timedelta) -> list[str]:
        """Jobs whose files have been kept long enough: as they say themselves, or as all."""
        now = await self._now()

        def ask(connection: Connection) -> list[str]:
            has_own = JOBS.c[keep].is_not(None)
            past = or_(
                and_(~has_own, JOBS.c.ended_at <= now - usual),
                and_(has_own, _has_lasted(connection, JOBS.c[keep], now)),
                JOBS.c.ended_at <= now - self.terms.longest,
            )
            query = select(JOBS.c.id).where(JOBS.c[gone_at].is_(None), JOBS.c.ended_at.is_not(None), past)
            return list(connection.execute(query.order_by(JOBS.c.ended_at).limit(_AT_ONCE)).scalars())

        return await self._jobs.read(ask)

    def _erase(self, gone: Sequence[Reference]) -> Removed:
        erased = self._jobs.library.erase({one.blob.address for one in gone})
        return Removed(files=len(erased), bytes=sum(blob.size_bytes for blob in erased))

    async def _now(self) -> datetime:
        """By the clock of the jobs. Looking for what is due then holds up no writer."""
        return await self._jobs.write(lambda transaction: transaction.at)

    async def _let_orphans_go(self) -> None:
        """Ends holds of jobs that were never recorded, or are forgotten, on files that came for them."""
        before = await self._now() - _TIME_TO_BECOME_A_JOB
        while owners := await self._jobs.read(lambda connection: _orphans(connection, before)):
            for owner in owners:
                await asyncio.to_thread(self._jobs.library.let_go, owner)

    async def _forget_old(self) -> None:
        while await self._jobs.write(self._forget_some) == _AT_ONCE:
            pass

    def _forget_some(self, transaction: Transaction) -> int:
        oldest = transaction.at - self.terms.records
        over = JOBS.c.ended_at <= oldest, JOBS.c.inputs_gone_at.is_not(None)
        query = select(JOBS.c.id).where(*over, JOBS.c.results_gone_at.is_not(None)).limit(_AT_ONCE)
        ids = list(transaction.connection.execute(query).scalars())
        for job_id in ids:
            forget_job(transaction, job_id)
        transaction.connection.execute(delete(DELETIONS).where(DELETIONS.c.deleted_at <= oldest))
        return len(ids)


def _has_lasted(connection: Connection, keep_s: Column[Any], now: datetime) -> ColumnElement[bool]:
    """Whether a job ended longer ago than it says itself."""
    if connection.dialect.name == "postgresql":
        interval = func.make_interval(0, 0, 0, 0, 0, 0, keep_s)
        return JOBS.c.ended_at + interval <= literal(now, UtcTime)
    days = func.julianday(JOBS.c.ended_at) + keep_s / 86_400.0
    return days <= func.julianday(literal(now, UtcTime))


def _orphans(connection: Connection, before: datetime) -> list[str]:
    """Owners of files that are neither a job nor an upload, though they have had time to become one."""
    has_job = exists(select(JOBS.c.id).where(JOBS.c.id == REFERENCES.c.owner))
    has_upload = exists(select(UPLOADS.c.id).where(UPLOADS.c.id == REFERENCES.c.owner))
    old = REFERENCES.c.referred_at <= before
    query = select(REFERENCES.c.owner).where(old, ~has_job, ~has_upload).distinct().limit(_AT_ONCE)
    return list(connection.execute(query).scalars())


def _one(transaction: Transaction, job_id: str, gone_at: str, let_go: LetGo) -> list[Reference]:
    job = lock_job(transaction, job_id)
    if job is None or job.ended_at is None or getattr(job, gone_at) is not None:
        return []  # tried again meanwhile, or somebody else did it
    return let_go(transaction, job, DeletionReason.RETENTION)
