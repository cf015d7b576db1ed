"""Questions about jobs; none of them waits for a writer."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, exists, func, select, text, true

from steadfast.errors import JobUnknown, ResultGone, ResultNotReady
from steadfast.jobs.history import entries_after
from steadfast.jobs.job import Attempt, Item, Job, JobState, ResultFile, Step
from steadfast.jobs.port import HistoryEntry, JobFilter, JobPage
from steadfast.jobs.rows import attempt_of, item_of, job_of, result_of, step_of
from steadfast.jobs.tables import ATTEMPTS, FLOWS, ITEMS, JOBS, LABELS, STEPS

_LONGEST_PAGE = 1_000


def get(connection: Connection, owner: str | None, job_id: str) -> Job:
    """One job. Raises `JobUnknown`."""
    return job_of(_row(connection, owner, job_id))


def items(connection: Connection, owner: str | None, job_id: str, first: int, limit: int) -> list[Item]:
    """Its items from that number on."""
    _row(connection, owner, job_id)
    query = select(ITEMS).where(ITEMS.c.job_id == job_id, ITEMS.c.number >= first)
    rows = connection.execute(query.order_by(ITEMS.c.number).limit(min(limit, _LONGEST_PAGE))).all()
    return [item_of(row) for row in rows]


def attempts(connection: Connection, owner: str | None, job_id: str, limit: int) -> list[Attempt]:
    """What was tried, the latest first."""
    _row(connection, owner, job_id)
    query = select(ATTEMPTS).where(ATTEMPTS.c.job_id == job_id).order_by(ATTEMPTS.c.id.desc())
    return [attempt_of(row) for row in connection.execute(query.limit(min(limit, _LONGEST_PAGE))).all()]


def steps(connection: Connection, job_id: str) -> list[Step]:
    """All steps of a job, in order."""
    order = STEPS.c.item, STEPS.c.kind, STEPS.c.number
    return [
        step_of(row)
        for row in connection.execute(select(STEPS).where(STEPS.c.job_id == job_id).order_by(*order))
    ]


def page(
    connection: Connection, owner: str | None, which: JobFilter, limit: int, before: str | None
) -> JobPage:
    """Jobs, the latest first."""
    limit = max(1, min(limit, _LONGEST_PAGE))
    query = _page_query(
        of_owner=owner is not None,
        states=len(which.states),
        of_task=bool(which.task),
        of_subject=bool(which.subject),
        labels=len(which.labels),
        is_going_on=before is not None,
    )
    names = _page_names(owner, which, before, limit + 1)
    rows = connection.execute(query, names).all()
    jobs = tuple(job_of(row) for row in rows[:limit])
    return JobPage(jobs=jobs, next=jobs[-1].id if len(rows) > limit else None)


def history(
    connection: Connection, owner: str | None, job_id: str, after: int, limit: int
) -> list[HistoryEntry]:
    """What happened after that entry."""
    _row(connection, owner, job_id)
    return entries_after(connection, job_id, after, min(limit, _LONGEST_PAGE))


def result(connection: Connection, owner: str | None, job_id: str, number: int) -> ResultFile:
    """The result of an item. Raises `JobUnknown`, `ResultNotReady` or `ResultGone`."""
    job = _row(connection, owner, job_id)
    here = ITEMS.c.job_id == job_id, ITEMS.c.number == number
    row = connection.execute(select(ITEMS).where(*here)).first()
    if row is None:
        raise JobUnknown(f"The job {job_id} has no item {number}.")
    found = result_of(row)
    if job.results_gone_at is not None:
        raise ResultGone("The result was deleted; it is kept for a while only.")
    if found is None:
        raise ResultNotReady(_why_not_ready(job, row))
    return found


_LANES_THAT_WAIT = (
    select(FLOWS.c.task, func.max(FLOWS.c.priority))
    .where(FLOWS.c.is_waiting == true())
    .group_by(FLOWS.c.task)
)


def lanes_that_wait(connection: Connection) -> dict[str, int]:
    """Lanes for which there may be a step to lease, and the most urgent priority in each."""
    return {row[0]: row[1] for row in connection.execute(_LANES_THAT_WAIT).all()}


def is_anything_over(connection: Connection, now_s: float, moment: Callable[[float], datetime]) -> bool:
    """Whether a lease or a job is past its time: worth a transaction that writes."""
    late = select(STEPS.c.job_id).where(text("job_steps.state = 'leased'"), STEPS.c.lease_until_s < now_s)
    if connection.execute(late.limit(1)).first() is not None:
        return True
    due = JOBS.c.ended_at.is_(None), JOBS.c.expires_at.is_not(None), JOBS.c.expires_at <= moment(now_s)
    return connection.execute(select(JOBS.c.id).where(*due).limit(1)).first() is not None


def reasons_held(connection: Connection) -> set[str]:
    """Why jobs wait that may not have a turn."""
    return set(connection.execute(select(JOBS.c.held).where(text("jobs.held <> ''")).distinct()).scalars())


def leases_of(connection: Connection, here: str) -> set[tuple[str, int, str, int, int]]:
    """Every lease that the database knows of this incarnation: job, item, kind, number, token."""
    mine = text("job_steps.state = 'leased'"), STEPS.c.lease_owner == here
    columns = STEPS.c.job_id, STEPS.c.item, STEPS.c.kind, STEPS.c.number, STEPS.c.token
    return {tuple(row) for row in connection.execute(select(*columns).where(*mine)).all()}


def _row(connection: Connection, owner: str | None, job_id: str) -> Row[tuple[object, ...]]:
    row = connection.execute(select(JOBS).where(JOBS.c.id == job_id)).first()
    if row is None or (owner is not None and row.owner != owner):
        raise JobUnknown(f"There is no job {job_id[:40]!r}.")
    return row


@cache
def _page_query(
    *, of_owner: bool, states: int, of_task: bool, of_subject: bool, labels: int, is_going_on: bool
) -> Select[tuple[Any, ...]]:
    """Made once for each kind of question: making it costs as much as answering it."""
    query = select(JOBS).order_by(JOBS.c.id.desc()).limit(bindparam("most"))
    if of_owner:
        query = query.where(JOBS.c.owner == bindparam("of_owner"))
    if states:
        names: list[BindParameter[Any]] = [bindparam(f"state_{number}") for number in range(states)]
        query = query.where(JOBS.c.state == names[0] if states == 1 else JOBS.c.state.in_(names))
    if of_task:
        query = query.where(JOBS.c.task == bindparam("of_task"))
    if of_subject:
        query = query.where(JOBS.c.subject == bindparam("of_subject"), text("jobs.subject <> ''"))
    for number in range(labels):
        label = LABELS.alias()
        named = label.c.name == bindparam(f"label_{number}"), label.c.value == bindparam(f"value_{number}")
        query = query.where(exists(select(label.c.job_id).where(label.c.job_id == JOBS.c.id, *named)))
    return query.where(JOBS.c.id < bindparam("before")) if is_going_on else query


def _page_names(owner: str | None, which: JobFilter, before: str | None, most: int) -> dict[str, Any]:
    names: dict[str, Any] = {
        "most": most,
        "of_owner": owner,
        "of_task": which.task,
        "of_subject": which.subject,
        "before": before,
    }
    names |= {f"state_{number}": state.value for number, state in enumerate(which.states)}
    for number, (name, value) in enumerate(which.labels.items()):
        names |= {f"label_{number}": name, f"value_{number}": value}
    return names


def _why_not_ready(job: Row[tuple[object, ...]], item: Row[tuple[object, ...]]) -> str:
    if item.failure is not None or job.state == JobState.FAILED.value:
        return "There is no result: the job failed. The job itself says why."
    return f"The job is {job.state}; the result is there once it has succeeded."
