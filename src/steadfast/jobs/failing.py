"""What a failed attempt changes: counted against the step or not, tried again or given up, kept or failed."""

from collections.abc import Collection

from sqlalchemy import select, update

from steadfast.errors import SteadfastError
from steadfast.jobs import turns
from steadfast.jobs.attempts import Ending, record_attempt
from steadfast.jobs.endings import end_if_done, revoke
from steadfast.jobs.events import JobHeld, SegmentRedone, StepFailed
from steadfast.jobs.history import note
from steadfast.jobs.job import (
    AttemptOutcome,
    Cost,
    Fault,
    JobFailure,
    JobState,
    OnPinLost,
    OnSegmentFailure,
    StepKind,
    StepState,
)
from steadfast.jobs.lease import Lease
from steadfast.jobs.leasing import charge_job, count_pending, make_pending, make_ready
from steadfast.jobs.rows import AnyRow, as_json
from steadfast.jobs.tables import ITEMS, JOBS, STEPS
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import lock_job, update_held, update_job, update_step

PIN_LOST = "pin_lost"
"""What a job is held for until what it was begun with is back: the beginning of `held`."""


def step_failed(
    transaction: Transaction,
    lease: Lease,
    error: SteadfastError,
    *,
    fault: Fault,
    is_final: bool,
    most_failures: int,
    worked_s: float = 0.0,
    held: str = "",
) -> bool:
    """Books a failed attempt; whether the lease still held.

    `is_final`: trying again is no use (a damaged input); `most_failures`: attempts booked on the step after
    which there is no other.
    """
    job = lock_job(transaction, lease.job_id)
    counts = fault is Fault.STEP
    failures = lease.failures + counts
    if job is None or not make_pending(transaction, lease, failures=failures):
        return False
    ending = Ending(
        outcome=AttemptOutcome.FAILED,
        fault=fault,
        code=error.code,
        detail=error.detail,
        cost=Cost(device_s=worked_s if _is_on_device(lease) else 0.0),
    )
    record_attempt(transaction, lease, ending)
    charge_job(transaction, job, worked_s - turns.EXPECTED_S)
    is_last = counts and (is_final or failures >= most_failures)
    if counts:
        _count_failure(transaction, job, ending.cost.device_s)
    _tell(transaction, job, lease, error, fault, is_last=is_last)
    if not is_last:
        make_ready(transaction, job, 1)
        if held:
            hold(transaction, job, held)
    elif _may_be_kept(lease):
        _keep_original(transaction, job, lease)
    else:
        _fail_item(transaction, job, lease, error)
    return True


def pin_lost(transaction: Transaction, lease: Lease, why: str) -> bool:
    """What the job was begun with is not here: it waits, or starts over; whether the lease still held."""
    job = lock_job(transaction, lease.job_id)
    if job is None or not make_pending(transaction, lease):
        return False
    charge_job(transaction, job, -turns.EXPECTED_S)
    if lease.on_pin_lost is OnPinLost.RESTART:
        _start_over(transaction, job, why)
        return True
    make_ready(transaction, job, 1)
    # A job that waits for a model asks again and again; those are no attempts at its work.
    update_job(transaction, job.id, attempts=job.attempts - 1)
    hold(transaction, job, f"{PIN_LOST}: {why}")
    return True


def leave_to_others(transaction: Transaction, lease: Lease) -> bool:
    """Another server may have what the job was begun with; whether the lease still held.

    That this one asked is no attempt at its work.
    """
    job = lock_job(transaction, lease.job_id)
    if job is None or not make_pending(transaction, lease):
        return False
    charge_job(transaction, job, -turns.EXPECTED_S)
    update_job(transaction, job.id, attempts=job.attempts - 1)
    make_ready(transaction, job, 1)
    return True


def hold(transaction: Transaction, job: AnyRow, why: str) -> None:
    """Leases nothing more of a job until `control.release_held` lets it try again."""
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(held=why[:300]))
    transaction.facts.append(JobHeld(job_id=job.id, owner=job.owner, task=job.task, why=why))


def redo_segments(transaction: Transaction, lease: Lease, numbers: Collection[int], why: str) -> bool:
    """Has segments done again whose files are damaged or gone; the join comes back with the last of them.

    `lease` is that of the join. False: it does not hold any more.
    """
    job = lock_job(transaction, lease.job_id)
    if job is None or not update_held(transaction, lease, state=StepState.DONE.value):
        return False
    ending = Ending(outcome=AttemptOutcome.GIVEN_BACK, fault=Fault.OUTSIDE, code="blob_damaged", detail=why)
    record_attempt(transaction, lease, ending)
    join = STEPS.c.item == lease.key.item, STEPS.c.kind == StepKind.JOIN.value
    transaction.connection.execute(STEPS.delete().where(STEPS.c.job_id == job.id, *join))
    units = _make_segments_pending(transaction, lease, numbers)
    here = ITEMS.c.job_id == job.id, ITEMS.c.number == lease.key.item
    transaction.connection.execute(update(ITEMS).where(*here).values(segments_left=len(numbers)))
    counts = {
        "segments_done": JOBS.c.segments_done - len(numbers),
        "units_done": JOBS.c.units_done - units,
    }
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(counts))
    charge_job(transaction, job, -turns.EXPECTED_S)
    make_ready(transaction, job, len(numbers))
    note(transaction, job.id, "redone", {"item": lease.key.item, "segments": sorted(numbers), "why": why})
    for number in sorted(numbers):
        transaction.facts.append(
            SegmentRedone(
                job_id=job.id, owner=job.owner, task=job.task, item=lease.key.item, number=number, why=why
            )
        )
    return True


# --- parts --------------------------------------------------------------------------------------------


def _may_be_kept(lease: Lease) -> bool:
    wants = lease.on_segment_failure is OnSegmentFailure.KEEP
    return wants and lease.key.kind is StepKind.SEGMENT and not lease.untouched


def _keep_original(transaction: Transaction, job: AnyRow, lease: Lease) -> None:
    """The same segment again, but with its frames as they were."""
    update_step(transaction, lease.key, untouched=True, failures=0)
    make_ready(transaction, job, 1)


def _fail_item(transaction: Transaction, job: AnyRow, lease: Lease, error: SteadfastError) -> None:
    """No step of this item is done any more; the other items of a batch go on."""
    failure = JobFailure(code=error.code, detail=_where(lease) + error.detail, remedy=error.remedy)
    here = ITEMS.c.job_id == job.id, ITEMS.c.number == lease.key.item
    transaction.connection.execute(update(ITEMS).where(*here).values(failure=as_json(failure)))
    revoke(transaction, job, why="failed", item=lease.key.item)
    mine = STEPS.c.job_id == job.id, STEPS.c.item == lease.key.item, STEPS.c.state == StepState.PENDING.value
    transaction.connection.execute(update(STEPS).where(*mine).values(state=StepState.FAILED.value))
    left = count_pending(transaction, job.id)
    values = {"items_failed": JOBS.c.items_failed + 1, "ready_steps": left}
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))
    end_if_done(transaction, job.id)


def _where(lease: Lease) -> str:
    return f"Segment {lease.key.number}: " if lease.key.kind is StepKind.SEGMENT else ""


def _start_over(transaction: Transaction, job: AnyRow, why: str) -> None:
    """Forgets plans and segments of open items; those that are done or have failed stay as they are."""
    is_open = ITEMS.c.result_blob == "", ITEMS.c.failure.is_(None)
    open_items = select(ITEMS.c.number).where(ITEMS.c.job_id == job.id, *is_open)
    mine = STEPS.c.job_id == job.id, STEPS.c.item.in_(open_items)
    revoke(transaction, job, why=PIN_LOST)
    transaction.connection.execute(STEPS.delete().where(*mine, STEPS.c.kind != StepKind.PLAN.value))
    again = {"state": StepState.PENDING.value, "failures": 0, "token": STEPS.c.token + 1}
    transaction.connection.execute(update(STEPS).where(*mine).values(again))
    for (number,) in transaction.connection.execute(open_items).all():
        transaction.library.release(transaction.connection, owner=job.id, role=f"segment-{number}")
    ready = count_pending(transaction, job.id)
    values = {"pin": None, "segments_total": 0, "segments_done": 0, "units_total": 0, "units_done": 0}
    transaction.connection.execute(
        update(JOBS).where(JOBS.c.id == job.id).values(**values, ready_steps=ready)
    )
    note(transaction, job.id, "restarted", {"why": why})
    if job.state != JobState.PAUSED.value:
        turns.wake(transaction, turns.flow_of(job))


def _make_segments_pending(transaction: Transaction, lease: Lease, numbers: Collection[int]) -> int:
    """How many units they hold."""
    mine = (
        STEPS.c.job_id == lease.job_id,
        STEPS.c.item == lease.key.item,
        STEPS.c.kind == StepKind.SEGMENT.value,
        STEPS.c.number.in_(numbers),
    )
    pending = {"state": StepState.PENDING.value, "blob": "", "note": b"", "units_done": 0, "failures": 0}
    transaction.connection.execute(update(STEPS).where(*mine).values(pending))
    units = transaction.connection.execute(select(STEPS.c.units).where(*mine)).scalars().all()
    return sum(units)


def _is_on_device(lease: Lease) -> bool:
    """Whether what the job pinned runs on an accelerator; a worker that died could not say what it took."""
    return "cpu" not in (lease.pin or {}).get("provider", "cpu").lower()


def _count_failure(transaction: Transaction, job: AnyRow, device_s: float) -> None:
    counts = {"failed_attempts": JOBS.c.failed_attempts + 1, "device_s": JOBS.c.device_s + device_s}
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(counts))


def _tell(
    transaction: Transaction, job: AnyRow, lease: Lease, error: SteadfastError, fault: Fault, *, is_last: bool
) -> None:
    key = lease.key
    transaction.facts.append(
        StepFailed(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            item=key.item,
            kind=key.kind,
            number=key.number,
            fault=fault,
            code=error.code,
            detail=error.detail,
            is_last=is_last,
        )
    )
