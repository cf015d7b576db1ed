"""How a job ends: with its last item, by a failure, by its time, by somebody who takes it back."""

from sqlalchemy import select, update

from steadfast.jobs import turns
from steadfast.jobs.attempts import Ending, record_attempt
from steadfast.jobs.changes import change_state
from steadfast.jobs.job import AttemptOutcome, JobFailure, JobState, StepState
from steadfast.jobs.leasing import charge_job
from steadfast.jobs.rows import AnyRow, failure_of
from steadfast.jobs.tables import ITEMS, STEPS
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import lock_job


def end_if_done(transaction: Transaction, job_id: str) -> None:
    """Ends a job whose every item is done or has failed."""
    job = lock_job(transaction, job_id)
    if job is None or job.items_done + job.items_failed < job.items_total:
        return
    if job.items_failed:
        change_state(transaction, job, JobState.FAILED, failure=_why_items_failed(transaction, job))
    elif change_state(transaction, job, JobState.SUCCEEDED):
        # Nothing will ask for them again, and the table stays as small as the work that is left.
        transaction.connection.execute(STEPS.delete().where(STEPS.c.job_id == job.id))


def end(transaction: Transaction, job: AnyRow, target: JobState, failure: JobFailure | None = None) -> bool:
    """Fails or cancels a job and takes every lease of it back; false: it has ended already."""
    if not change_state(transaction, job, target, failure=failure):
        return False
    revoke(transaction, job, why=target.value)
    return True


def revoke(transaction: Transaction, job: AnyRow, *, why: str, item: int | None = None) -> int:
    """Takes leases of a job back: their owners' writes are refused from now on. How many there were."""
    leased = [STEPS.c.job_id == job.id, STEPS.c.state == StepState.LEASED.value]
    if item is not None:
        leased.append(STEPS.c.item == item)
    rows = transaction.connection.execute(select(STEPS).where(*leased)).all()
    for row in rows:
        ending = Ending(outcome=AttemptOutcome.GIVEN_BACK, code=why)
        record_attempt(transaction, row, ending)
        charge_job(transaction, job, -turns.EXPECTED_S)
    # The token counts up, so that nobody who still holds one of these can mistake a later lease for his own.
    back = {"state": StepState.PENDING.value, "lease_owner": "", "units_done": 0, "token": STEPS.c.token + 1}
    if rows:
        transaction.connection.execute(update(STEPS).where(*leased).values(back))
    return len(rows)


def _why_items_failed(transaction: Transaction, job: AnyRow) -> JobFailure:
    """Of a single item its own cause; of several how many, and the first cause."""
    failed = ITEMS.c.job_id == job.id, ITEMS.c.failure.is_not(None)
    first = transaction.connection.execute(
        select(ITEMS.c.failure, ITEMS.c.number).where(*failed).order_by(ITEMS.c.number).limit(1)
    ).one()
    cause = failure_of(first.failure)
    assert cause is not None
    if job.items_total == 1:
        return cause
    detail = f"{job.items_failed} of {job.items_total} items failed; item {first.number}: {cause.detail}"
    return JobFailure(code=cause.code, detail=detail, remedy=cause.remedy)
