"""The record of what was tried."""

from dataclasses import dataclass
from datetime import datetime

from steadfast.jobs.job import AttemptOutcome, Cost, Fault, StepKind
from steadfast.jobs.lease import Lease, StepKey
from steadfast.jobs.rows import AnyRow
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import INSERT_ATTEMPT

_MOST_DETAIL = 2_000
_NOTHING = Cost()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How an attempt ended."""

    outcome: AttemptOutcome
    fault: Fault | None = None
    code: str = ""
    detail: str = ""
    worker: str = ""
    cost: Cost = _NOTHING


def record_attempt(transaction: Transaction, step: Lease | AnyRow, ending: Ending) -> None:
    """Writes down an attempt at a step that was leased: by this incarnation, or by the one its row names."""
    key, token, holder, began_at = _what_was_leased(transaction, step)
    transaction.connection.execute(
        INSERT_ATTEMPT,
        {
            "job_id": key.job_id,
            "item": key.item,
            "kind": key.kind.value,
            "number": key.number,
            "token": token,
            "lease_owner": holder,
            "worker": ending.worker[:100],
            "outcome": ending.outcome.value,
            "fault": ending.fault.value if ending.fault else "",
            "code": ending.code,
            "detail": ending.detail[:_MOST_DETAIL],
            "began_at": began_at,
            "ended_at": transaction.at,
            "device_s": ending.cost.device_s,
            "cpu_s": ending.cost.cpu_s,
            "frames": ending.cost.frames,
        },
    )


def _what_was_leased(transaction: Transaction, step: Lease | AnyRow) -> tuple[StepKey, int, str, datetime]:
    if isinstance(step, Lease):
        return step.key, step.token, str(transaction.here), step.leased_at
    key = StepKey(job_id=step.job_id, item=step.item, kind=StepKind(step.kind), number=step.number)
    return key, step.token, step.lease_owner, step.leased_at or transaction.at
