"""Whose turn it is: by priority, then between keys by what they were served, then between the jobs of a key.

A flow is the jobs of one key at one priority, for the workers of one task. The least served flow that waits
is next. One that comes back after a rest begins where the others are: it neither starves them nor is it
owed anything. Inside a flow a few jobs are open at a time and share what the flow gets; the others wait in
order, so that a thousand jobs don't all become half-done.

Locks on PostgreSQL: a change of a job locks the job, then its flow. Who takes a turn locks the flow first, so
he may not wait for a job: a job that somebody is changing is passed over, and the flow stays awake.

Statements are made once and conditions of partial indexes are literal: with a parameter in its place a plan
that is made for all values could not use them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from steadfast.events import is_heard
from steadfast.jobs.events import FlowWoken
from steadfast.jobs.lanes import lane_of, parts_of
from steadfast.jobs.tables import FLOWS, JOBS
from steadfast.jobs.transaction import Transaction

EXPECTED_S = 1.0
"""What a step is taken to cost until it is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """The jobs of one key at one priority, for the workers of one task that can do something."""

    task: str
    capability: str = ""
    """What the workers must be able to do; empty: what all of them can."""
    owner: str
    priority: int

    @property
    def lane(self) -> str:
        """Which workers it waits for."""
        return lane_of(self.task, self.capability)

    @property
    def names(self) -> dict[str, Any]:
        """As the statements call them."""
        return {"of_lane": self.lane, "of_owner": self.owner, "of_priority": self.priority}

    @property
    def job_names(self) -> dict[str, Any]:
        """As statements about its jobs call them."""
        return {
            "of_task": self.task,
            "of_capability": self.capability,
            "of_owner": self.owner,
            "of_priority": self.priority,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """The job whose step is next, locked."""

    job: Row[tuple[Any, ...]]
    open_served_s: float
    """What the least served open job of its flow has had; 0: none is open."""


_OF_LANE = FLOWS.c.task == bindparam("of_lane")
_THIS_FLOW = and_(
    _OF_LANE, FLOWS.c.owner == bindparam("of_owner"), FLOWS.c.priority == bindparam("of_priority")
)
_IS_WAITING = FLOWS.c.is_waiting == true()
_others = FLOWS.alias("others")
_MOST_URGENT = (
    select(func.max(_others.c.priority))
    .where(_others.c.task == bindparam("of_lane"), _others.c.is_waiting == true())
    .scalar_subquery()
)
_MAY_HAVE_A_TURN = text("jobs.ready_steps > 0 AND jobs.held = ''")
_IN_THIS_FLOW = and_(
    JOBS.c.task == bindparam("of_task"),
    JOBS.c.capability == bindparam("of_capability"),
    JOBS.c.owner == bindparam("of_owner"),
    JOBS.c.priority == bindparam("of_priority"),
)
_IS_RUNNING = JOBS.c.state == literal_column("'running'")
_IS_QUEUED = JOBS.c.state == literal_column("'queued'")

_FLOW = select(FLOWS).where(_THIS_FLOW).with_for_update()
_FLOWS_IN_TURN = select(FLOWS.c.owner, FLOWS.c.priority).where(_OF_LANE, _IS_WAITING)
_NEXT_FLOW = (
    # By the most urgent first and then by the least served: an index gives each, none gives both.
    _FLOWS_IN_TURN.where(FLOWS.c.priority == _MOST_URGENT)
    .order_by(FLOWS.c.served_s)
    .limit(1)
    .with_for_update(of=FLOWS)
)
_NEXT_FREE_FLOW = _NEXT_FLOW.with_for_update(of=FLOWS, skip_locked=True)
_NEXT_OTHER_FLOW = (
    _FLOWS_IN_TURN.order_by(FLOWS.c.priority.desc(), FLOWS.c.served_s).limit(1).with_for_update()
)
_SLEEP = update(FLOWS).where(_THIS_FLOW).values(is_waiting=False)
_CHARGE = update(FLOWS).where(_THIS_FLOW).values(served_s=FLOWS.c.served_s + bindparam("work_s"))
_LEAST_WAITING = select(func.min(FLOWS.c.served_s)).where(
    _OF_LANE, _IS_WAITING, FLOWS.c.priority == bindparam("of_priority")
)
_MOST_SERVED = select(func.max(FLOWS.c.served_s)).where(
    _OF_LANE, FLOWS.c.priority == bindparam("of_priority")
)


def _in_turn(state: ColumnElement[bool]) -> Select[tuple[Any, ...]]:
    mine = select(JOBS.c.id, JOBS.c.served_s).where(_IN_THIS_FLOW, state, _MAY_HAVE_A_TURN)
    return mine.order_by(JOBS.c.served_s, JOBS.c.id).limit(1)


_OPEN_JOB, _NEW_JOB = _in_turn(_IS_RUNNING), _in_turn(_IS_QUEUED)
_OPEN_JOBS = select(func.count()).select_from(
    select(JOBS.c.id).where(_IN_THIS_FLOW, _IS_RUNNING).limit(bindparam("most")).subquery()
)
_LOCKED_JOB = (
    select(JOBS)
    .where(
        JOBS.c.id == bindparam("of_job"),
        _MAY_HAVE_A_TURN,
        JOBS.c.state.in_([literal_column("'queued'"), literal_column("'running'")]),
    )
    .with_for_update(skip_locked=True)
)


def flow_of(job: Any) -> Flow:
    """The flow of a job's row."""
    return Flow(task=job.task, capability=job.capability, owner=job.owner, priority=job.priority)


def wake(transaction: Transaction, flow: Flow) -> None:
    """Says that a job of this flow may have a step to be done now.

    On PostgreSQL this waits for whoever takes a turn in this flow: his "nothing left" never comes after.
    """
    connection = transaction.connection
    if is_heard(FlowWoken):
        woken = FlowWoken(task=flow.task, capability=flow.capability, priority=flow.priority)
        transaction.facts.append(woken)
    row = connection.execute(_FLOW, flow.names).first()
    if row is None:
        insert = postgresql.insert if transaction.is_shared else sqlite.insert
        values = {
            "task": flow.lane,
            "owner": flow.owner,
            "priority": flow.priority,
            "is_waiting": True,
            "served_s": _where_others_are(transaction, flow),
        }
        key, awake = ["task", "owner", "priority"], {"is_waiting": True}
        new = insert(FLOWS).values(values).on_conflict_do_update(index_elements=key, set_=awake)
        connection.execute(new)
    elif not row.is_waiting:
        served_s = max(row.served_s, _where_others_are(transaction, flow))
        awaken = update(FLOWS).where(_THIS_FLOW).values(is_waiting=True, served_s=served_s)
        connection.execute(awaken, flow.names)


def charge(transaction: Transaction, flow: Flow, work_s: float) -> None:
    """Books work on a flow (or, negative, gives back what was booked too much)."""
    transaction.connection.execute(_CHARGE, {**flow.names, "work_s": work_s})


def take_turn(
    transaction: Transaction, lane: str, *, open_jobs: int, refused: Collection[str] = ()
) -> Turn | None:
    """The job of a lane (or task) whose step is next; None: there is nothing to do now.

    `open_jobs`: how many jobs of a flow share its turns; `refused`: jobs that are left to other servers.
    """
    passed_over: list[Flow] = []
    while (flow := _next_flow(transaction, lane, passed_over)) is not None:
        job_id, open_served_s = _next_job(transaction, flow, open_jobs, refused)
        if job_id is None and refused:  # the others find what there is, or put it to sleep
            passed_over.append(flow)
            continue
        if job_id is None:
            transaction.connection.execute(_SLEEP, flow.names)
            continue
        row = transaction.connection.execute(_LOCKED_JOB, {"of_job": job_id}).first()
        if row is not None:
            return Turn(job=row, open_served_s=open_served_s)
        passed_over.append(flow)
    return None


def _next_flow(transaction: Transaction, lane: str, passed_over: list[Flow]) -> Flow | None:
    query = _NEXT_OTHER_FLOW if passed_over else _NEXT_FLOW
    for flow in passed_over:
        query = query.where(~and_(FLOWS.c.owner == flow.owner, FLOWS.c.priority == flow.priority))
    connection, row = transaction.connection, None
    if transaction.is_shared and not passed_over:
        # Everybody wants the same one: who finds it taken has the next of that priority, and waits only
        # where there is no other.
        row = connection.execute(_NEXT_FREE_FLOW, {"of_lane": lane}).first()
    if row is None:
        row = connection.execute(query, {"of_lane": lane}).first()
    if row is None:
        return None
    task, capability = parts_of(lane)
    return Flow(task=task, capability=capability, owner=row.owner, priority=row.priority)


def _next_job(
    transaction: Transaction, flow: Flow, open_jobs: int, refused: Collection[str] = ()
) -> tuple[str | None, float]:
    """Of the open ones the least served; another one in order, if there is room or nothing else to do.

    With it what the least served open one has had.
    """
    connection = transaction.connection
    open_job, new_job = _OPEN_JOB, _NEW_JOB
    if refused:
        open_job, new_job = (query.where(JOBS.c.id.not_in(refused)) for query in (open_job, new_job))
    running = connection.execute(open_job, flow.job_names).first()
    if running is not None:
        count = connection.execute(_OPEN_JOBS, {**flow.job_names, "most": open_jobs}).scalar_one()
        if count >= open_jobs:
            return running.id, running.served_s
    queued = connection.execute(new_job, flow.job_names).first()
    found = queued or running
    open_served_s = 0.0 if running is None else running.served_s
    return (None if found is None else found.id), open_served_s


def _where_others_are(transaction: Transaction, flow: Flow) -> float:
    """What the next flow in turn was served; where none waits, what the most served one was."""
    connection = transaction.connection
    here = {"of_lane": flow.lane, "of_priority": flow.priority}
    least = connection.execute(_LEAST_WAITING, here).scalar()
    if least is None:
        least = connection.execute(_MOST_SERVED, here).scalar()
    return float(least or 0.0)
