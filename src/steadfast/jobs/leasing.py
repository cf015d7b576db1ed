"""Taking, renewing and losing leases. Every change names the token it may still have: two never both win."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select, update

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
from steadfast.jobs.lease import Lease, Part, StepKey
from steadfast.jobs.rows import AnyRow, decoded, pin_of, targets_of
from steadfast.jobs.tables import ITEMS, JOBS, STEPS
from steadfast.jobs.transaction import Transaction

_EXPIRED_AT_ONCE = 200
_OPEN_STATES = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.PAUSED.value)


def take(
    transaction: Transaction, *, lease_s: float, open_jobs: int, tasks: tuple[str, ...] = ()
) -> Lease | None:
    """Leases the step whose turn it is; None: nothing is to be done now."""
    job = turns.take_turn(transaction, open_jobs=open_jobs, tasks=tasks)
    if job is None:
        return None
    step = _first_pending(transaction, job.id)
    if step is None:  # the count was wrong: a fault, mended here
        _mend_count(transaction, job.id)
        return None
    leased = {
        "state": StepState.LEASED.value,
        "token": step.token + 1,
        "lease_owner": str(transaction.here),
        "lease_until_s": transaction.now_s + lease_s,
        "leased_at": transaction.at,
        "units_done": 0,
    }
    key = StepKey(job_id=job.id, item=step.item, kind=StepKind(step.kind), number=step.number)
    transaction.connection.execute(update(STEPS).where(is_step(key)).values(leased))
    _begin_job(transaction, job)
    return _lease(transaction, job, step, key)


def renew(transaction: Transaction, held: Iterable[tuple[Lease, int]], *, lease_s: float) -> list[Lease]:
    """Prolongs leases whose steps came on (lease and units done); the answer is those that are lost."""
    lost = []
    for lease, units_done in held:
        alive = update(STEPS).where(is_held(lease))
        values = {"lease_until_s": transaction.now_s + lease_s, "units_done": units_done}
        if transaction.connection.execute(alive.values(values)).rowcount != 1:
            lost.append(lease)
    return lost


def drop_expired(transaction: Transaction) -> int:
    """Gives steps back whose leases have run out; how many."""
    late = STEPS.c.state == StepState.LEASED.value, STEPS.c.lease_until_s < transaction.now_s
    query = select(STEPS).where(*late).order_by(STEPS.c.lease_until_s).limit(_EXPIRED_AT_ONCE)
    rows = transaction.connection.execute(query).all()
    return sum(_lose(transaction, row, "its lease ran out") for row in rows)


def drop_dead(transaction: Transaction, here: Incarnation) -> int:
    """Gives steps back whose owners are dead for certain; how many. For the start of a server."""
    leased = STEPS.c.state == StepState.LEASED.value
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
    turns.charge(transaction, job.owner, job.priority, job.id, -turns.EXPECTED_S)
    make_ready(transaction, job, 1)
    return True


# --- what the other changes of steps use, too ---------------------------------------------------------


def lock_job(transaction: Transaction, job_id: str) -> Row[tuple[object, ...]] | None:
    """The job as it is now; nobody else changes it before this transaction ends."""
    return transaction.connection.execute(select(JOBS).where(JOBS.c.id == job_id).with_for_update()).first()


def is_step(key: StepKey) -> ColumnElement[bool]:
    """Its row."""
    return and_(
        STEPS.c.job_id == key.job_id,
        STEPS.c.item == key.item,
        STEPS.c.kind == key.kind.value,
        STEPS.c.number == key.number,
    )


def is_held(lease: Lease) -> ColumnElement[bool]:
    """Its row, as long as the lease holds."""
    return and_(is_step(lease.key), STEPS.c.state == StepState.LEASED.value, STEPS.c.token == lease.token)


def make_pending(transaction: Transaction, lease: Lease, **values: object) -> bool:
    """Turns the leased step back into one that may be leased; false: the lease does not hold any more."""
    back = update(STEPS).where(is_held(lease))
    values |= {"state": StepState.PENDING.value, "lease_owner": "", "units_done": 0}
    return transaction.connection.execute(back.values(values)).rowcount == 1


def make_ready(transaction: Transaction, job: AnyRow, steps: int) -> None:
    """Counts steps of a job that may be leased now, and wakes its flow if the job may have a turn."""
    if job.state not in _OPEN_STATES:
        return
    more = update(JOBS).where(JOBS.c.id == job.id).values(ready_steps=JOBS.c.ready_steps + steps)
    transaction.connection.execute(more)
    if job.state != JobState.PAUSED.value and not job.held:
        turns.wake(transaction, job.owner, job.priority)


def count_pending(transaction: Transaction, job_id: str) -> int:
    """Steps of a job that may be leased."""
    pending = STEPS.c.job_id == job_id, STEPS.c.state == StepState.PENDING.value
    return int(
        transaction.connection.execute(select(func.count()).select_from(STEPS).where(*pending)).scalar_one()
    )


# --- parts --------------------------------------------------------------------------------------------


def _first_pending(transaction: Transaction, job_id: str) -> Row[tuple[object, ...]] | None:
    pending = STEPS.c.job_id == job_id, STEPS.c.state == StepState.PENDING.value
    in_turn = select(STEPS).where(*pending).order_by(STEPS.c.item, STEPS.c.kind, STEPS.c.number).limit(1)
    return transaction.connection.execute(in_turn).first()


def _mend_count(transaction: Transaction, job_id: str) -> None:
    count = count_pending(transaction, job_id)
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(ready_steps=count))


def _begin_job(transaction: Transaction, job: AnyRow) -> None:
    values: dict[str, Any] = {
        "ready_steps": JOBS.c.ready_steps - 1,
        "attempts": JOBS.c.attempts + 1,
    }
    if job.state == JobState.QUEUED.value:
        values["served_s"] = max(job.served_s, _served_of_open(transaction, job))
        change_state(transaction, job, JobState.RUNNING, **values)
    else:
        transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))
    turns.charge(transaction, job.owner, job.priority, job.id, turns.EXPECTED_S)


def _served_of_open(transaction: Transaction, job: AnyRow) -> float:
    """What the least served open job of the flow has had: a new one begins there, ahead of nobody for
    long."""
    mine = JOBS.c.owner == job.owner, JOBS.c.priority == job.priority, JOBS.c.state == JobState.RUNNING.value
    least = select(func.min(JOBS.c.served_s)).where(*mine, JOBS.c.ready_steps > 0)
    return float(transaction.connection.execute(least).scalar() or 0.0)


def _lease(transaction: Transaction, job: AnyRow, step: AnyRow, key: StepKey) -> Lease:
    here = ITEMS.c.job_id == job.id, ITEMS.c.number == step.item
    item = transaction.connection.execute(select(ITEMS).where(*here)).one()
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
    mine = is_step(StepKey(job_id=step.job_id, item=step.item, kind=StepKind(step.kind), number=step.number))
    still = STEPS.c.state == StepState.LEASED.value, STEPS.c.token == step.token
    unchanged = STEPS.c.lease_until_s == step.lease_until_s
    back = update(STEPS).where(mine, *still, unchanged)
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
