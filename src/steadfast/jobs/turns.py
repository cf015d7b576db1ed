"""Whose turn it is: by priority, then between keys by what they were served, then between the jobs of a key.

A flow is the jobs of one key at one priority. The least served flow that waits is next. One that comes back
after a rest begins where the others are: it neither starves them nor is it owed anything. Inside a flow a few
jobs are open at a time and share what the flow gets; the others wait in order, so that a thousand jobs don't
all become half-done.

Locks on PostgreSQL: a change of a job locks the job, then its flow. Who takes a turn locks the flow first,
so it may not wait for a job: a job that somebody is changing is passed over, and the flow stays awake.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, and_, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from steadfast.jobs.job import JobState
from steadfast.jobs.tables import FLOWS, JOBS
from steadfast.jobs.transaction import Transaction

EXPECTED_S = 1.0
"""What a step is taken to cost until it is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """The jobs of one key at one priority."""

    owner: str
    priority: int


def wake(transaction: Transaction, owner: str, priority: int) -> None:
    """Says that a job of this flow may have a step to be done now.

    On PostgreSQL this waits for whoever takes a turn in this flow, so that his "nothing left" never comes
    after.
    """
    connection = transaction.connection
    here = _is(Flow(owner=owner, priority=priority))
    row = connection.execute(select(FLOWS).where(here).with_for_update()).first()
    if row is None:
        insert = postgresql.insert if transaction.is_shared else sqlite.insert
        values = {
            "owner": owner,
            "priority": priority,
            "is_waiting": True,
            "served_s": _where_others_are(transaction, priority),
        }
        awake = {"is_waiting": True}
        connection.execute(
            insert(FLOWS)
            .values(values)
            .on_conflict_do_update(index_elements=["owner", "priority"], set_=awake)
        )
    elif not row.is_waiting:
        served_s = max(row.served_s, _where_others_are(transaction, priority))
        connection.execute(update(FLOWS).where(here).values(is_waiting=True, served_s=served_s))


def charge(transaction: Transaction, owner: str, priority: int, job_id: str, work_s: float) -> None:
    """Books work (or, negative, gives back what was booked too much) on a job and its flow."""
    connection = transaction.connection
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(served_s=JOBS.c.served_s + work_s))
    here = _is(Flow(owner=owner, priority=priority))
    connection.execute(update(FLOWS).where(here).values(served_s=FLOWS.c.served_s + work_s))


def take_turn(
    transaction: Transaction, *, open_jobs: int, tasks: tuple[str, ...] = ()
) -> Row[tuple[object, ...]] | None:
    """The row of the job whose step is next, locked; None: there is nothing to do now.

    `open_jobs`: how many jobs of a flow share its turns; `tasks`: only of these, empty: of any.
    """
    passed_over: list[ColumnElement[bool]] = []
    while (flow := _next_flow(transaction, passed_over)) is not None:
        job_id = _next_job(transaction, flow, open_jobs, tasks)
        if job_id is None and not tasks:
            transaction.connection.execute(update(FLOWS).where(_is(flow)).values(is_waiting=False))
            continue
        row = _locked(transaction, job_id) if job_id is not None else None
        if row is not None:
            return row
        passed_over.append(~_is(flow))
    return None


def _next_flow(transaction: Transaction, passed_over: list[ColumnElement[bool]]) -> Flow | None:
    query = select(FLOWS.c.owner, FLOWS.c.priority).where(FLOWS.c.is_waiting, *passed_over)
    query = query.order_by(FLOWS.c.priority.desc(), FLOWS.c.served_s).limit(1).with_for_update()
    row = transaction.connection.execute(query).first()
    return None if row is None else Flow(owner=row.owner, priority=row.priority)


def _next_job(transaction: Transaction, flow: Flow, open_jobs: int, tasks: tuple[str, ...]) -> str | None:
    """Of the open ones the least served; another one in order, if there is room or nothing else to do."""
    mine = [
        JOBS.c.owner == flow.owner,
        JOBS.c.priority == flow.priority,
        JOBS.c.ready_steps > 0,
        JOBS.c.held == "",
    ]
    if tasks:
        mine.append(JOBS.c.task.in_(tasks))
    connection = transaction.connection
    opened = select(JOBS.c.id).where(*mine, JOBS.c.state == JobState.RUNNING.value)
    running = connection.execute(opened.order_by(JOBS.c.served_s, JOBS.c.id).limit(1)).scalar()
    if running is not None and _count_open(transaction, flow, open_jobs) >= open_jobs:
        return str(running)
    new = select(JOBS.c.id).where(*mine, JOBS.c.state == JobState.QUEUED.value)
    queued = connection.execute(new.order_by(JOBS.c.served_s, JOBS.c.id).limit(1)).scalar()
    found = queued if queued is not None else running
    return None if found is None else str(found)


def _count_open(transaction: Transaction, flow: Flow, most: int) -> int:
    running = JOBS.c.owner == flow.owner, JOBS.c.state == JobState.RUNNING.value
    some = select(JOBS.c.id).where(*running, JOBS.c.priority == flow.priority).limit(most).subquery()
    return int(transaction.connection.execute(select(func.count()).select_from(some)).scalar_one())


def _locked(transaction: Transaction, job_id: str) -> Row[tuple[object, ...]] | None:
    """The job as it is now, unless somebody is changing it or it may not have a turn any more."""
    turn = JOBS.c.ready_steps > 0, JOBS.c.state.in_((JobState.QUEUED.value, JobState.RUNNING.value))
    query = select(JOBS).where(JOBS.c.id == job_id, *turn).with_for_update(skip_locked=True)
    return transaction.connection.execute(query).first()


def _where_others_are(transaction: Transaction, priority: int) -> float:
    """What the next flow in turn was served; where none waits, what the most served one was."""
    connection = transaction.connection
    waiting = select(func.min(FLOWS.c.served_s)).where(FLOWS.c.is_waiting, FLOWS.c.priority == priority)
    least = connection.execute(waiting).scalar()
    if least is None:
        least = connection.execute(
            select(func.max(FLOWS.c.served_s)).where(FLOWS.c.priority == priority)
        ).scalar()
    return float(least or 0.0)


def _is(flow: Flow) -> ColumnElement[bool]:
    return and_(FLOWS.c.owner == flow.owner, FLOWS.c.priority == flow.priority)
