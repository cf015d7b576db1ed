"""Taking, renewing and losing leases. Every change names the token it may still have: two never both win."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, func, select, text, update

from steadfast.jobs import turns
from steadfast.jobs.attempts import Ending, record_attempt
from steadfast.jobs.changes import change_state
from steadfast.jobs.events import LeaseLost, StepStarted
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import (
    AttemptOutcome,
    Fault,
    JobPriority,
    JobState,
    OnPinLost,
    OnSegmentFailure,
    StepKind,
    StepState,
)
from steadfast.jobs.labels import traceparent_of
from steadfast.jobs.lease import Lease, Part, StepKey
from steadfast.jobs.rows import AnyRow, decoded, pin_of, targets_of
from steadfast.jobs.tables import JOBS, STEPS
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import lock_job, the_item, update_held, update_job, update_step

_EXPIRED_AT_ONCE = 200
_FIRST_PENDING = (
    select(STEPS)
    .where(STEPS.c.job_id == bindparam("of_job"), text("job_steps.state = 'pending'"))
    .order_by(STEPS.c.item, STEPS.c.kind, STEPS.c.number)
    .limit(1)
)
_OPEN_STATES = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.PAUSED.value)


def take(
    transaction: Transaction, lane: str, *, lease_s: float, open_jobs: int, refused: Collection[str] = ()
) -> Lease | None:
    """Leases the step of a lane (or task) whose turn it is; None: nothing is to be done now.

    `refused`: jobs that are left to other servers.
    """
    turn = turns.take_turn(transaction, lane, open_jobs=open_jobs, refused=refused)
    if turn is None:
        return None
    job = turn.job
    step = transaction.connection.execute(_FIRST_PENDING, {"of_job": job.id}).first()
    if step is None:  # the count was wrong: a fault, mended here
        _mend_count(transaction, job.id)
        return None
    key = StepKey(job_id=job.id, item=step.item, kind=StepKind(step.kind), number=step.number)
    update_step(
        transaction,
        key,
        state=StepState.LEASED.value,
        token=step.token + 1,
        lease_owner=str(transaction.here),
        lease_until_s=transaction.now_s + lease_s,
        leased_at=transaction.at,
        units_done=0,
    )
    _begin_job(transaction, turn)
    return _lease(transaction, job, step, key)


def renew(transaction: Transaction, held: Iterable[tuple[Lease, int]], *, lease_s: float) -> list[Lease]:
    """Prolongs leases whose steps came on (lease and units done); the answer is those that are lost."""
    lost = []
    for lease, units_done in held:
        until_s = transaction.now_s + lease_s
        if not update_held(transaction, lease, lease_until_s=until_s, units_done=units_done):
            lost.append(lease)
    return lost


def drop_expired(transaction: Transaction) -> int:
    """Gives steps back whose leases have run out; how many."""
    late = text("job_steps.state = 'leased'"), STEPS.c.lease_until_s < transaction.now_s
    query = select(STEPS).where(*late).order_by(STEPS.c.lease_until_s).limit(_EXPIRED_AT_ONCE)
    rows = transaction.connection.execute(query).all()
    return sum(_lose(transaction, row, "its lease ran out") for row in rows)


def drop_dead(transaction: Transaction, here: Incarnation) -> int:
    """Gives steps back whose owners are dead for certain; how many. For the start of a server."""
    leased = text("job_steps.state = 'leased'")
    owners = (
        transaction.connection.execute(select(STEPS.c.lease_owner).where(leased).distinct()).scalars().all()
    )
    count = 0
    for owner in owners:
        incarnation = Incarnation.parse(owner)
        if incarnation is not None and incarnation.is_surely_dead(here):
            rows = transaction.connection.execute(
                select(STEPS).where(leased, STEPS.c.lease_owner == owner)
            ).all()
            count += sum(_lose(transaction, row, "its server died") for row in rows)
    return count


def give_back(transaction: Transaction, lease: Lease, ending: Ending) -> bool:
    """Ends a lease without a result and without blame; false: it was lost before."""
    job = lock_job(transaction, lease.job_id)
    if job is None or not make_pending(transaction, lease):
        return False
    record_attempt(transaction, lease, ending)
    charge_job(transaction, job, -turns.EXPECTED_S)
    make_ready(transaction, job, 1)
    return True


# --- what the other changes of steps use, too ---------------------------------------------------------


def make_pending(transaction: Transaction, lease: Lease, **values: object) -> bool:
    """Turns the leased step back into one that may be leased; false: the lease does not hold any more."""
    values |= {"state": StepState.PENDING.value, "lease_owner": "", "units_done": 0}
    return update_held(transaction, lease, **values)


def charge_job(transaction: Transaction, job: AnyRow, work_s: float) -> None:
    """Books work on a job and its flow."""
    more = update(JOBS).where(JOBS.c.id == job.id).values(served_s=JOBS.c.served_s + work_s)
    transaction.connection.execute(more)
    turns.charge(transaction, turns.flow_of(job), work_s)


def make_ready(transaction: Transaction, job: AnyRow, steps: int) -> None:
    """Counts steps of a job that may be leased now, and wakes its flow if the job may have a turn."""
    if job.state not in _OPEN_STATES:
        return
    more = update(JOBS).where(JOBS.c.id == job.id).values(ready_steps=JOBS.c.ready_steps + steps)
    transaction.connection.execute(more)
    wake_for(transaction, job)


def wake_for(transaction: Transaction, job: AnyRow, capability: str | None = None) -> None:
    """Wakes the flow of a job if the job may have a turn; `capability`: what its workers need from now on."""
    if job.state in (JobState.QUEUED.value, JobState.RUNNING.value) and not job.held:
        flow = turns.flow_of(job)
        turns.wake(transaction, flow if capability is None else replace(flow, capability=capability))


def count_pending(transaction: Transaction, job_id: str) -> int:
    """Steps of a job that may be leased."""
    pending = STEPS.c.job_id == job_id, STEPS.c.state == StepState.PENDING.value
    return int(
        transaction.connection.execute(select(func.count()).select_from(STEPS).where(*pending)).scalar_one()
    )


# --- parts --------------------------------------------------------------------------------------------


def _mend_count(transaction: Transaction, job_id: str) -> None:
    count = count_pending(transaction, job_id)
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(ready_steps=count))


def _begin_job(transaction: Transaction, turn: turns.Turn) -> None:
    job: AnyRow = turn.job
    values: dict[str, Any] = {"ready_steps": job.ready_steps - 1, "attempts": job.attempts + 1}
    if job.state == JobState.QUEUED.value:
        # A new one begins where the open ones are, ahead of nobody for long.
        values["served_s"] = max(job.served_s, turn.open_served_s) + turns.EXPECTED_S
        change_state(transaction, job, JobState.RUNNING, **values)
    else:
        update_job(transaction, job.id, served_s=job.served_s + turns.EXPECTED_S, **values)
    turns.charge(transaction, turns.flow_of(job), turns.EXPECTED_S)


def _lease(transaction: Transaction, job: AnyRow, step: AnyRow, key: StepKey) -> Lease:
    item = the_item(transaction, job.id, step.item)
    target, sources = targets_of(item)
    transaction.facts.append(
        StepStarted(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            item=key.item,
            kind=key.kind,
            number=key.number,
            token=step.token + 1,
        )
    )
    return Lease(
        key=key,
        token=step.token + 1,
        owner=job.owner,
        task=job.task,
        options=_options_of(job),
        priority=JobPriority(job.priority),
        on_segment_failure=OnSegmentFailure(job.on_segment_failure),
        on_pin_lost=OnPinLost(job.on_pin_lost),
        segment_s=job.segment_s,
        fresh=job.fresh,
        pin=pin_of(job.pin),
        target=target,
        sources=sources,
        identity=item.identity,
        item_brief=item.brief,
        brief=step.brief,
        units=step.units,
        untouched=step.untouched,
        failures=step.failures,
        parts=_parts(transaction, key) if key.kind is StepKind.JOIN else (),
        leased_at=transaction.at,
        traceparent=traceparent_of(job.labels),
    )


def _options_of(job: AnyRow) -> Mapping[str, object]:
    options: Mapping[str, object] = decoded(job.options)
    return options


def _parts(transaction: Transaction, key: StepKey) -> tuple[Part, ...]:
    mine = STEPS.c.job_id == key.job_id, STEPS.c.item == key.item, STEPS.c.kind == StepKind.SEGMENT.value
    query = select(STEPS.c.number, STEPS.c.blob, STEPS.c.note).where(*mine).order_by(STEPS.c.number)
    rows = transaction.connection.execute(query).all()
    return tuple(Part(number=row.number, address=row.blob, note=row.note) for row in rows)


def _lose(transaction: Transaction, step: AnyRow, why: str) -> bool:
    """Gives a step back whose owner is gone; false: he was not, or somebody else was faster."""
    job = lock_job(transaction, step.job_id)
    mine = STEPS.c.job_id == step.job_id, STEPS.c.item == step.item, STEPS.c.kind == step.kind
    # Renewed meanwhile, it is not lost.
    still = STEPS.c.token == step.token, STEPS.c.lease_until_s == step.lease_until_s
    held = STEPS.c.number == step.number, STEPS.c.state == StepState.LEASED.value
    back = update(STEPS).where(*mine, *still, *held)
    pending = {"state": StepState.PENDING.value, "lease_owner": "", "units_done": 0}
    if job is None or transaction.connection.execute(back.values(pending)).rowcount != 1:
        return False
    ending = Ending(outcome=AttemptOutcome.LOST, fault=Fault.OUTSIDE, code="lease_lost", detail=why)
    record_attempt(transaction, step, ending)
    make_ready(transaction, job, 1)
    transaction.facts.append(
        LeaseLost(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            item=step.item,
            kind=StepKind(step.kind),
            number=step.number,
            why=why,
        )
    )
    return True
