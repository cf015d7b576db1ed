"""What became of jobs, taken from their own tables, so that it outlives them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from steadfast.database.database import Database
from steadfast.errors import BlobDamaged, BlobMissing
from steadfast.jobs.deletion import DELETIONS
from steadfast.jobs.job import ENDED
from steadfast.jobs.rows import decoded
from steadfast.jobs.tables import JOBS as LIVING
from steadfast.sla.folding import insert_into
from steadfast.sla.tables import JOBS

LOST: Final = "lost"
"""State of an accepted job that is not there any more, or whose files are not."""
DELETED: Final = "deleted"
"""State of one that somebody had deleted before it ended."""
_LATE: Final = timedelta(minutes=2)
"""So long a transaction may take to become visible."""
_FILES_GONE: Final = frozenset({BlobMissing.code, BlobDamaged.code})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A job that was found to be lost."""

    job_id: str
    task: str
    owner: str = ""
    """Empty: its own row is gone, too."""


def absorb_jobs(database: Database) -> list[Lost]:
    """Takes over jobs that are new and those that have ended; answers those found lost.

    Of several servers that look at the same time one finds them. Raises `DatabaseProblem`.
    """
    with database.writing() as connection:
        return [*_add_new(connection), *_follow_open(connection)]


def _add_new(connection: Connection) -> list[Lost]:
    newest = connection.execute(select(func.max(JOBS.c.submitted_at))).scalar_one_or_none()
    query = select(LIVING).where(LIVING.c.id.not_in(select(JOBS.c.job_id)))
    if newest is not None:
        # Ids begin with the time, so this reads what is new and no more.
        before = select(func.max(JOBS.c.job_id)).where(JOBS.c.submitted_at < newest - _LATE)
        query = query.where(LIVING.c.id > func.coalesce(before.scalar_subquery(), ""))
    jobs = connection.execute(query).all()
    rows = [_row_of(job) for job in jobs]
    added: set[str] = set()
    if rows:
        new = insert_into(connection, JOBS).on_conflict_do_nothing().returning(JOBS.c.job_id)
        added = set(connection.execute(new, rows).scalars())
    return [
        Lost(job_id=job.id, task=job.task, owner=job.owner)
        for job, row in zip(jobs, rows, strict=True)
        if row["state"] == LOST and job.id in added
    ]


def _follow_open(connection: Connection) -> list[Lost]:
    found = []
    joined = JOBS.outerjoin(LIVING, LIVING.c.id == JOBS.c.job_id)
    is_open = JOBS.c.ended_at.is_(None) & JOBS.c.state.not_in([LOST, DELETED])
    known = (JOBS.c.job_id.label("known_id"), JOBS.c.task.label("known_task"))
    query = select(*known, LIVING).select_from(joined).where(is_open)
    for job in connection.execute(query).all():
        if job.id is None:
            values: dict[str, Any] = {"state": _why_gone(connection, job.known_id)}
        elif job.ended_at is not None:
            values = _row_of(job)
        else:
            continue
        still_open = update(JOBS).where(JOBS.c.job_id == job.known_id, is_open)
        was_first = connection.execute(still_open.values(**values)).rowcount == 1
        if was_first and values["state"] == LOST:
            found.append(Lost(job_id=job.known_id, task=job.known_task, owner=job.owner or ""))
    return found


def _row_of(job: Any) -> dict[str, Any]:
    code = str(decoded(job.failure).get("code", "")) if job.failure else ""
    took_s = (job.ended_at - job.created_at).total_seconds() if job.ended_at is not None else None
    has_ended = job.state in {state.value for state in ENDED}
    return {
        "job_id": job.id,
        "task": job.task,
        "submitted_at": job.created_at,
        "ended_at": job.ended_at if has_ended else None,
        "state": LOST if code in _FILES_GONE else job.state,
        "code": code,
        "took_s": took_s if has_ended else None,
    }


def _why_gone(connection: Connection, job_id: str) -> str:
    record = select(DELETIONS.c.id).where(DELETIONS.c.owner.contains(job_id)).limit(1)
    return DELETED if connection.execute(record).first() is not None else LOST
