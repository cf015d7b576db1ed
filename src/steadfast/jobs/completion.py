"""What the end of a step changes: the step, its item, its job, in one transaction, only while the lease
holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, select, update

from steadfast.blobs.blob import Blob, parse_address
from steadfast.errors import BlobMissing, LeaseRefused
from steadfast.jobs import turns
from steadfast.jobs.attempts import Ending, record_attempt
from steadfast.jobs.endings import end_if_done
from steadfast.jobs.events import StepFinished
from steadfast.jobs.job import AttemptOutcome, Cost, StepKind, StepState
from steadfast.jobs.lease import Lease
from steadfast.jobs.leasing import is_held, lock_job, make_ready
from steadfast.jobs.rows import AnyRow, as_json, decoded, pin_of, sum_of, together
from steadfast.jobs.submission import first_step
from steadfast.jobs.tables import ITEMS, JOBS, STEPS
from steadfast.jobs.transaction import Transaction
from steadfast.task_steps import JobPlan, JoinDone, SegmentDone

RESULT_ROLE = "result"
"""What a result is to its job, among references to files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a finished step took and who did it."""

    cost: Cost
    worker: str = ""
    degraded: tuple[str, ...] = ()


def planned(transaction: Transaction, lease: Lease, plan: JobPlan, work: Work) -> None:
    """Takes a plan: pins the job if it is the first, and answers the item from a finished one that is the
    same.

    Raises `LeaseRefused`.
    """
    job = _finish_step(transaction, lease, work)
    pin = pin_of(job.pin) or plan.pin
    values: dict[str, Any] = {
        "pin_sum": sum_of(pin),
        "brief": plan.brief,
        "suffix": plan.suffix[:16],
        "media_type": plan.content_type[:100],
        "report": as_json(plan.facts),
        "segments_left": len(plan.segments),
    }
    if job.pin is None:
        _set(transaction, job, pin=as_json(pin))
    twin = None if lease.fresh else _finished_twin(transaction, lease, values["pin_sum"])
    if twin is not None:
        _answer_from(transaction, job, lease, twin)
        return
    _update_item(transaction, lease, values)
    _add_segments(transaction, job, lease, plan)


def segment_done(transaction: Transaction, lease: Lease, done: SegmentDone, blob: Blob, work: Work) -> None:
    """Takes a segment whose file is safe; the last one makes the join ready. Raises `LeaseRefused`."""
    row = {"blob": str(blob.address), "note": done.note, "report": as_json(done.report)}
    if lease.untouched:
        work = replace(work, degraded=(*work.degraded, _untouched(lease)))
    job = _finish_step(transaction, lease, work, **row)
    _set(
        transaction,
        job,
        units_done=JOBS.c.units_done + lease.units,
        segments_done=JOBS.c.segments_done + 1,
    )
    left = _one_segment_less(transaction, lease, work.degraded)
    if left == 0:
        join = first_step(lease.job_id, lease.key.item, StepKind.JOIN, units=1)
        transaction.connection.execute(STEPS.insert().values(join))
        make_ready(transaction, job, 1)


def joined(transaction: Transaction, lease: Lease, done: JoinDone, blob: Blob, work: Work) -> None:
    """Takes an item's result, lets go of its segments, and ends the job with the last. Raises
    `LeaseRefused`."""
    job = _finish_step(transaction, lease, work)
    item = _item(transaction, lease)
    report = decoded(item.report) | done.report
    _update_item(
        transaction,
        lease,
        {
            "result_blob": str(blob.address),
            "result_bytes": blob.size_bytes,
            "report": as_json(report),
            "degraded": together(item.degraded, work.degraded),
        },
    )
    transaction.library.release(transaction.connection, owner=lease.job_id, role=lease.segment_role)
    _set(
        transaction, job, items_done=JOBS.c.items_done + 1, output_bytes=JOBS.c.output_bytes + blob.size_bytes
    )
    end_if_done(transaction, lease.job_id)


# --- steps --------------------------------------------------------------------------------------------


def _finish_step(
    transaction: Transaction, lease: Lease, work: Work, **values: Any
) -> Row[tuple[object, ...]]:
    """Ends the lease with success and books what it took; the job, locked."""
    job = lock_job(transaction, lease.job_id)
    state = StepState.KEPT if lease.untouched else StepState.DONE
    done = (
        update(STEPS).where(is_held(lease)).values(values | {"state": state.value, "units_done": lease.units})
    )
    if job is None or transaction.connection.execute(done).rowcount != 1:
        raise LeaseRefused("Somebody else has this step by now, or its job has ended.")
    cost = work.cost
    _set(
        transaction,
        job,
        device_s=JOBS.c.device_s + cost.device_s,
        cpu_s=JOBS.c.cpu_s + cost.cpu_s,
        frames=JOBS.c.frames + cost.frames,
        pixels=JOBS.c.pixels + cost.pixels,
        faces=JOBS.c.faces + cost.faces,
        degraded=together(job.degraded, work.degraded),
    )
    turns.charge(transaction, job.owner, job.priority, job.id, cost.device_s - turns.EXPECTED_S)
    record_attempt(transaction, lease, Ending(outcome=AttemptOutcome.DONE, worker=work.worker, cost=cost))
    transaction.facts.append(
        StepFinished(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            item=lease.key.item,
            kind=lease.key.kind,
            number=lease.key.number,
            cost=cost,
            worker=work.worker,
            took_s=(transaction.at - lease.leased_at).total_seconds(),
        )
    )
    return job


def _add_segments(transaction: Transaction, job: AnyRow, lease: Lease, plan: JobPlan) -> None:
    steps = [
        first_step(
            lease.job_id,
            lease.key.item,
            StepKind.SEGMENT,
            segment.index,
            brief=segment.brief,
            units=segment.units,
        )
        for segment in plan.segments
    ]
    transaction.connection.execute(STEPS.insert(), steps)
    _set(
        transaction,
        job,
        segments_total=JOBS.c.segments_total + len(steps),
        units_total=JOBS.c.units_total + plan.units,
    )
    make_ready(transaction, job, len(steps))


def _one_segment_less(transaction: Transaction, lease: Lease, degraded: Sequence[str]) -> int:
    """How many are left of the item. The job is locked, so nobody else counts at the same time."""
    item = _item(transaction, lease)
    left = item.segments_left - 1
    values = {"segments_left": left, "degraded": together(item.degraded, degraded)}
    _update_item(transaction, lease, values)
    return int(left)


def _untouched(lease: Lease) -> str:
    return f"segment {lease.key.number} of item {lease.key.item} kept its original frames"


# --- the same again -----------------------------------------------------------------------------------


def _finished_twin(transaction: Transaction, lease: Lease, pin_sum: str) -> Row[tuple[object, ...]] | None:
    """A result of the same key that was made of the same, with the same, and gave nothing up."""
    same = ITEMS.c.owner == lease.owner, ITEMS.c.identity == lease.identity, ITEMS.c.pin_sum == pin_sum
    whole = ITEMS.c.result_blob != "", ITEMS.c.degraded == "[]"
    query = select(ITEMS).where(*same, *whole).order_by(ITEMS.c.job_id.desc()).limit(1)
    return transaction.connection.execute(query).first()


def _answer_from(transaction: Transaction, job: AnyRow, lease: Lease, twin: AnyRow) -> None:
    copied = ("pin_sum", "brief", "suffix", "media_type", "report", "result_blob", "result_bytes")
    values = {name: getattr(twin, name) for name in copied}
    origin = twin.answered_from or twin.job_id
    _update_item(transaction, lease, values | {"answered_from": origin, "segments_left": 0})
    address = parse_address(twin.result_blob)
    try:
        transaction.library.refer(transaction.connection, address, owner=job.id, role=RESULT_ROLE)
    except BlobMissing as error:  # rows and files are deleted together; whoever broke that has the plan again
        raise LeaseRefused("The finished result vanished in this moment.") from error
    _set(transaction, job, items_done=JOBS.c.items_done + 1)
    end_if_done(transaction, job.id)


# --- rows ---------------------------------------------------------------------------------------------


def _set(transaction: Transaction, job: AnyRow, **values: Any) -> None:
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))


def _item(transaction: Transaction, lease: Lease) -> Row[tuple[object, ...]]:
    here = ITEMS.c.job_id == lease.job_id, ITEMS.c.number == lease.key.item
    return transaction.connection.execute(select(ITEMS).where(*here)).one()


def _update_item(transaction: Transaction, lease: Lease, values: Mapping[str, Any]) -> None:
    here = ITEMS.c.job_id == lease.job_id, ITEMS.c.number == lease.key.item
    transaction.connection.execute(update(ITEMS).where(*here).values(dict(values)))
