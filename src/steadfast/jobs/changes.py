"""One step of a job's state machine: a conditional UPDATE, an entry in its history, a fact."""

from typing import Any

from steadfast.jobs.callback_queue import queue_call
from steadfast.jobs.events import JobStateChanged
from steadfast.jobs.history import note
from steadfast.jobs.job import ENDED, JobFailure, JobState, sources_of
from steadfast.jobs.rows import AnyRow, as_json
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import update_job_in_state


def change_state(
    transaction: Transaction,
    job: AnyRow,
    target: JobState,
    *,
    failure: JobFailure | None = None,
    **values: Any,
) -> bool:
    """Makes a job `target` if it still is what `job` says and may become that; false: neither.

    `values`: other columns that change with it.
    """
    before = JobState(job.state)
    if before not in sources_of(target):
        return False
    values |= {"state": target.value, "failure": as_json(failure) if failure else None}
    if target in ENDED:
        values |= {"ended_at": transaction.at, "ready_steps": 0, "held": ""}
    elif before in ENDED:
        values |= {"ended_at": None}
    if target is JobState.RUNNING and job.started_at is None:
        values |= {"started_at": transaction.at}
    if not update_job_in_state(transaction, job.id, before.value, **values):
        return False
    _tell(transaction, job, target, failure, values)
    return True


def _tell(
    transaction: Transaction,
    job: AnyRow,
    target: JobState,
    failure: JobFailure | None,
    values: dict[str, Any],
) -> None:
    has_ended = target in ENDED
    degraded = values.get("degraded", job.degraded) != "[]"
    data: dict[str, Any] = {"state": target.value, "before": job.state}
    if failure is not None:
        data |= {"code": failure.code, "detail": failure.detail, "remedy": failure.remedy}
    if has_ended:
        data |= {"degraded": degraded}
    entry_id = note(transaction, job.id, "state", data)
    queue_call(
        transaction.connection, job=job, entry_id=entry_id, state=target.value, data=data, at=transaction.at
    )
    transaction.facts.append(
        JobStateChanged(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            event_id=entry_id,
            before=JobState(job.state),
            after=target,
            code=failure.code if failure else "",
            degraded=degraded,
            took_s=(transaction.at - job.created_at).total_seconds() if has_ended else None,
        )
    )
