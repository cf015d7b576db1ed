"""What people and time do to a job: pause, resume, cancel, retry, urgency, expiry, release from being
held."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Row, select, text, update

from steadfast.errors import InputMissing, JobConflict, JobExpired, JobUnknown
from steadfast.jobs import turns
from steadfast.jobs.changes import change_state
from steadfast.jobs.endings import end
from steadfast.jobs.events import JobHeld
from steadfast.jobs.history import note
from steadfast.jobs.job import ENDED, JobFailure, JobPriority, JobState, StepState
from steadfast.jobs.leasing import count_pending
from steadfast.jobs.rows import AnyRow, as_json, words_of
from steadfast.jobs.tables import ITEMS, JOBS, STEPS
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import lock_job, update_job

_EXPIRED_AT_ONCE = 100
_MOST_INCIDENTS = 100
_WAITING = frozenset({JobState.QUEUED.value, JobState.RUNNING.value})


def cancel(transaction: Transaction, owner: str | None, job_id: str) -> None:
    """Takes a job back; again is no fault.

    Raises `JobUnknown`, or `JobConflict` if it has ended otherwise.
    """
    job = _own_job(transaction, owner, job_id)
    if job.state != JobState.CANCELLED.value and not end(transaction, job, JobState.CANCELLED):
        raise _conflict(job, "cancelled")


def pause(transaction: Transaction, owner: str | None, job_id: str) -> None:
    """Leases nothing more of it. Raises `JobUnknown`, or `JobConflict` if it has ended."""
    job = _own_job(transaction, owner, job_id)
    if job.state != JobState.PAUSED.value and not change_state(transaction, job, JobState.PAUSED):
        raise _conflict(job, "paused")


def resume(transaction: Transaction, owner: str | None, job_id: str) -> None:
    """Goes on. Raises `JobUnknown`, or `JobConflict` if it is not paused."""
    job = _own_job(transaction, owner, job_id)
    if job.state in _WAITING:
        return
    if job.state != JobState.PAUSED.value or not change_state(transaction, job, JobState.QUEUED):
        raise _conflict(job, "resumed")
    turns.wake(transaction, turns.flow_of(job))


def retry(transaction: Transaction, owner: str | None, job_id: str) -> None:
    """Starts what failed or was cancelled again; what is done stays done.

    Raises `JobUnknown`, `JobConflict` for a job in another state, `InputMissing` once its inputs are deleted.
    """
    job = _own_job(transaction, owner, job_id)
    if job.state not in (JobState.FAILED.value, JobState.CANCELLED.value):
        raise _conflict(job, "retried")
    if job.inputs_gone_at is not None:
        raise InputMissing("The inputs of this job are deleted.", remedy="Submit it again with its inputs.")
    failed = STEPS.c.job_id == job.id, STEPS.c.state == StepState.FAILED.value
    again = {"state": StepState.PENDING.value, "failures": 0}
    transaction.connection.execute(update(STEPS).where(*failed).values(again))
    unfinished = ITEMS.c.job_id == job.id, ITEMS.c.failure.is_not(None)
    transaction.connection.execute(update(ITEMS).where(*unfinished).values(failure=None))
    ready = count_pending(transaction, job.id)
    change_state(transaction, job, JobState.QUEUED, ready_steps=ready, items_failed=0, expires_at=None)
    turns.wake(transaction, turns.flow_of(job))


def set_priority(transaction: Transaction, owner: str | None, job_id: str, priority: JobPriority) -> None:
    """Moves a job to another flow. Raises `JobUnknown`, or `JobConflict` if it has ended."""
    job = _own_job(transaction, owner, job_id)
    if JobState(job.state) in ENDED:
        raise _conflict(job, "moved")
    if job.priority == priority:
        return
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(priority=int(priority)))
    note(transaction, job.id, "priority", {"priority": priority.name.lower()})
    if job.state in _WAITING:
        turns.wake(transaction, replace(turns.flow_of(job), priority=int(priority)))


def note_incident(transaction: Transaction, job_ids: Iterable[str], incident: str) -> None:
    """Writes down that an incident touched these jobs; a second time changes nothing."""
    for job_id in sorted(set(job_ids)):  # in one order, so that two writers don't wait for each other
        job = lock_job(transaction, job_id)
        if job is not None and incident not in (known := words_of(job.incidents)):
            latest = [*known, incident][-_MOST_INCIDENTS:]
            update_job(transaction, job_id, incidents=as_json(latest))


def expire(transaction: Transaction) -> int:
    """Fails jobs that had not ended by their time; how many."""
    due = JOBS.c.ended_at.is_(None), JOBS.c.expires_at.is_not(None), JOBS.c.expires_at <= transaction.at
    query = select(JOBS).where(*due).limit(_EXPIRED_AT_ONCE).with_for_update(skip_locked=True)
    error = JobExpired("The job had not ended in the time it was given.")
    failure = JobFailure(code=error.code, detail=error.detail, remedy=error.remedy)
    rows = transaction.connection.execute(query).all()
    return sum(end(transaction, job, JobState.FAILED, failure) for job in rows)


def release_held(transaction: Transaction, reason: str) -> int:
    """Lets jobs try again that are held for a reason (what `held` begins with); how many."""
    held = text("jobs.held <> ''"), JOBS.c.held.startswith(reason, autoescape=True)
    query = select(JOBS).where(*held)
    rows = transaction.connection.execute(
        query.limit(_EXPIRED_AT_ONCE).with_for_update(skip_locked=True)
    ).all()
    for job in rows:
        transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(held=""))
        if job.state in _WAITING:
            turns.wake(transaction, turns.flow_of(job))
        transaction.facts.append(JobHeld(job_id=job.id, owner=job.owner, task=job.task, why=""))
    return len(rows)


def wake_all(transaction: Transaction) -> int:
    """Wakes every flow that has something to do: what a fault may have put to sleep. How many there are."""
    ready = JOBS.c.ready_steps > 0, JOBS.c.held == "", JOBS.c.state.in_(_WAITING)
    wanted = select(JOBS.c.task, JOBS.c.capability, JOBS.c.owner, JOBS.c.priority).where(*ready).distinct()
    rows = transaction.connection.execute(wanted.order_by(*wanted.selected_columns)).all()
    for row in rows:
        turns.wake(transaction, turns.flow_of(row))
    return len(rows)


def _own_job(transaction: Transaction, owner: str | None, job_id: str) -> Row[tuple[object, ...]]:
    query = select(JOBS).where(JOBS.c.id == job_id).with_for_update()
    job = transaction.connection.execute(query).first()
    if job is None or (owner is not None and job.owner != owner):
        raise JobUnknown(f"There is no job {job_id[:40]!r}.")
    return job


def _conflict(job: AnyRow, what: str) -> JobConflict:
    return JobConflict(f"The job is {job.state} and cannot be {what}.")
