"""What the end of a step changes: the step, its item, its job, in one transaction, only while the lease
holds."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, select, text

from steadfast.blobs.blob import Blob, parse_address
from steadfast.errors import BlobMissing, LeaseRefused
from steadfast.jobs import turns
from steadfast.jobs.attempts import Ending, record_attempt
from steadfast.jobs.endings import end_if_done
from steadfast.jobs.events import StepFinished
from steadfast.jobs.job import AttemptOutcome, Cost, StepKind, StepState
from steadfast.jobs.lease import Lease
from steadfast.jobs.leasing import wake_for
from steadfast.jobs.rows import AnyRow, as_json, decoded, pin_of, sum_of, together
from steadfast.jobs.submission import first_step
from steadfast.jobs.tables import ITEMS
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import INSERT_STEPS, lock_job, the_item, update_held, update_item, update_job
from steadfast.task_steps import JobPlan, JoinDone, SegmentDone

RESULT_ROLE = "result"
"""What a result is to its job, among references to files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a finished step took and who did it."""

    cost: Cost
    worked_s: float | None = None
    """How long a worker's place was taken: what fairness goes by; None: as long as the device."""
    worker: str = ""
    degraded: tuple[str, ...] = ()

    @property
    def served_s(self) -> float:
        """What its job and key have had with it; a place on a CPU is as scarce as one on a device."""
        return self.cost.device_s if self.worked_s is None else self.worked_s


def planned(transaction: Transaction, lease: Lease, plan: JobPlan, work: Work) -> None:
    """Takes a plan; the first one pins the job. The item may be answered from a finished one.

    Raises `LeaseRefused`.
    """
    job, booked = _finish_step(transaction, lease, work)
    pin = pin_of(job.pin) or plan.pin
    pin_sum = sum_of(pin)
    if job.pin is None:
        booked["pin"] = as_json(pin)
        booked["capability"] = transaction.needs(job.task, decoded(job.options), pin)
    twin = None if lease.fresh else _finished_twin(transaction, lease, pin_sum)
    if twin is not None:
        _answer_from(transaction, job, lease, twin, booked)
        return
    update_item(
        transaction,
        lease.job_id,
        lease.key.item,
        pin_sum=pin_sum,
        brief=plan.brief,
        suffix=plan.suffix[:16],
        media_type=plan.content_type[:100],
        report=as_json(plan.facts),
        segments_left=len(plan.segments),
    )
    transaction.connection.execute(INSERT_STEPS, _segment_rows(lease, plan))
    booked |= {
        "segments_total": job.segments_total + len(plan.segments),
        "units_total": job.units_total + plan.units,
        "ready_steps": job.ready_steps + len(plan.segments),
    }
    update_job(transaction, job.id, **booked)
    wake_for(transaction, job, booked.get("capability"))


def segment_done(transaction: Transaction, lease: Lease, done: SegmentDone, blob: Blob, work: Work) -> None:
    """Takes a segment whose file is safe; the last one makes the join ready. Raises `LeaseRefused`."""
    if lease.untouched:
        work = replace(work, degraded=(*work.degraded, _untouched(lease)))
    row = {"blob": str(blob.address), "note": done.note, "report": as_json(done.report)}
    job, booked = _finish_step(transaction, lease, work, **row)
    item = the_item(transaction, lease.job_id, lease.key.item)
    left = item.segments_left - 1
    degraded = together(item.degraded, work.degraded)
    update_item(transaction, lease.job_id, lease.key.item, segments_left=left, degraded=degraded)
    booked |= {"units_done": job.units_done + lease.units, "segments_done": job.segments_done + 1}
    if left == 0:
        join = first_step(lease.job_id, lease.key.item, StepKind.JOIN, units=1)
        transaction.connection.execute(INSERT_STEPS, join)
        booked["ready_steps"] = job.ready_steps + 1
    update_job(transaction, job.id, **booked)
    if left == 0:
        wake_for(transaction, job)


def joined(transaction: Transaction, lease: Lease, done: JoinDone, blob: Blob, work: Work) -> None:
    """Takes an item's result, lets go of its segments, and ends the job with the last item.

    Raises `LeaseRefused`.
    """
    job, booked = _finish_step(transaction, lease, work)
    item = the_item(transaction, lease.job_id, lease.key.item)
    update_item(
        transaction,
        lease.job_id,
        lease.key.item,
        result_blob=str(blob.address),
        result_bytes=blob.size_bytes,
        report=as_json(decoded(item.report) | done.report),
        degraded=together(item.degraded, work.degraded),
    )
    transaction.library.release(transaction.connection, owner=lease.job_id, role=lease.segment_role)
    booked |= {"items_done": job.items_done + 1, "output_bytes": job.output_bytes + blob.size_bytes}
    update_job(transaction, job.id, **booked)
    end_if_done(transaction, lease.job_id)


# --- steps --------------------------------------------------------------------------------------------


def _finish_step(
    transaction: Transaction, lease: Lease, work: Work, **values: Any
) -> tuple[Row[tuple[Any, ...]], dict[str, Any]]:
    """Ends the lease with success; the job, locked, and what its row is to say of what the step took."""
    job = lock_job(transaction, lease.job_id)
    values["state"] = (StepState.KEPT if lease.untouched else StepState.DONE).value
    if job is None or not update_held(transaction, lease, units_done=lease.units, **values):
        raise LeaseRefused("Somebody else has this step by now, or its job has ended.")
    turns.charge(transaction, turns.flow_of(job), work.served_s - turns.EXPECTED_S)
    ending = Ending(outcome=AttemptOutcome.DONE, worker=work.worker, cost=work.cost)
    record_attempt(transaction, lease, ending)
    key = lease.key
    transaction.facts.append(
        StepFinished(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            item=key.item,
            kind=key.kind,
            number=key.number,
            cost=work.cost,
            worker=work.worker,
            took_s=(transaction.at - lease.leased_at).total_seconds(),
        )
    )
    return job, _booked(job, work)


def _booked(job: AnyRow, work: Work) -> dict[str, Any]:
    cost = work.cost
    return {
        "served_s": job.served_s + work.served_s - turns.EXPECTED_S,
        "device_s": job.device_s + cost.device_s,
        "cpu_s": job.cpu_s + cost.cpu_s,
        "frames": job.frames + cost.frames,
        "pixels": job.pixels + cost.pixels,
        "faces": job.faces + cost.faces,
        "degraded": together(job.degraded, work.degraded),
    }


def _segment_rows(lease: Lease, plan: JobPlan) -> list[dict[str, Any]]:
    return [
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


def _untouched(lease: Lease) -> str:
    return f"segment {lease.key.number} of item {lease.key.item} kept its original frames"


# --- the same again -----------------------------------------------------------------------------------


def _finished_twin(transaction: Transaction, lease: Lease, pin_sum: str) -> Row[tuple[object, ...]] | None:
    """A result of the same key that was made of the same, with the same, and gave nothing up."""
    same = ITEMS.c.owner == lease.owner, ITEMS.c.identity == lease.identity, ITEMS.c.pin_sum == pin_sum
    whole = text("job_items.result_blob <> ''"), ITEMS.c.degraded == "[]"
    query = select(ITEMS).where(*same, *whole).order_by(ITEMS.c.job_id.desc()).limit(1)
    return transaction.connection.execute(query).first()


def _answer_from(
    transaction: Transaction, job: AnyRow, lease: Lease, twin: AnyRow, booked: dict[str, Any]
) -> None:
    copied = ("pin_sum", "brief", "suffix", "media_type", "report", "result_blob", "result_bytes")
    values = {name: getattr(twin, name) for name in copied}
    origin = twin.answered_from or twin.job_id
    update_item(transaction, lease.job_id, lease.key.item, answered_from=origin, segments_left=0, **values)
    address = parse_address(twin.result_blob)
    try:
        transaction.library.refer(transaction.connection, address, owner=job.id, role=RESULT_ROLE)
    except BlobMissing as error:  # rows and files are deleted together; whoever broke that plans again
        raise LeaseRefused("The finished result vanished in this moment.") from error
    update_job(transaction, job.id, items_done=job.items_done + 1, **booked)
    end_if_done(transaction, job.id)
