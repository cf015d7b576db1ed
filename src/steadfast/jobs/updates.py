"""Changes of single rows, as statements that are made once: the database's part is small beside making them.

A job's row is locked, or nobody else writes, whenever one of these is used on it: so new counts are computed
here from the row that was read.
"""

from typing import Any

from sqlalchemy import Row, and_, bindparam, literal_column, select, update

from steadfast.jobs.lease import Lease, StepKey
from steadfast.jobs.tables import ATTEMPTS, ITEMS, JOBS, LABELS, STEPS
from steadfast.jobs.transaction import Transaction

INSERT_JOB, INSERT_ITEMS, INSERT_STEPS = JOBS.insert(), ITEMS.insert(), STEPS.insert()
INSERT_LABELS, INSERT_ATTEMPT = LABELS.insert(), ATTEMPTS.insert()

_JOB = JOBS.c.id == bindparam("of_job")
_ITEM = and_(ITEMS.c.job_id == bindparam("of_job"), ITEMS.c.number == bindparam("of_item"))
_STEP = and_(
    STEPS.c.job_id == bindparam("of_job"),
    STEPS.c.item == bindparam("of_item"),
    STEPS.c.kind == bindparam("of_kind"),
    STEPS.c.number == bindparam("of_number"),
)
_HELD = and_(_STEP, STEPS.c.state == literal_column("'leased'"), STEPS.c.token == bindparam("of_token"))

_LOCKED_JOB = select(JOBS).where(_JOB).with_for_update()
_THE_ITEM = select(ITEMS).where(_ITEM)
_UPDATE_JOB = update(JOBS).where(_JOB)
_UPDATE_JOB_IN_STATE = update(JOBS).where(_JOB, JOBS.c.state == bindparam("of_state"))
_UPDATE_ITEM = update(ITEMS).where(_ITEM)
_UPDATE_STEP = update(STEPS).where(_STEP)
_UPDATE_HELD = update(STEPS).where(_HELD)


def lock_job(transaction: Transaction, job_id: str) -> Row[tuple[Any, ...]] | None:
    """The job as it is now; nobody else changes it before this transaction ends."""
    return transaction.connection.execute(_LOCKED_JOB, {"of_job": job_id}).first()


def update_job(transaction: Transaction, job_id: str, **values: Any) -> None:
    """Changes columns of a job that is locked."""
    transaction.connection.execute(_UPDATE_JOB, {"of_job": job_id, **values})


def update_job_in_state(transaction: Transaction, job_id: str, before: str, **values: Any) -> bool:
    """Changes columns of a job only if it is in that state; whether it was."""
    names = {"of_job": job_id, "of_state": before, **values}
    return transaction.connection.execute(_UPDATE_JOB_IN_STATE, names).rowcount == 1


def the_item(transaction: Transaction, job_id: str, number: int) -> Row[tuple[Any, ...]]:
    """An item's row."""
    return transaction.connection.execute(_THE_ITEM, {"of_job": job_id, "of_item": number}).one()


def update_item(transaction: Transaction, job_id: str, number: int, **values: Any) -> None:
    """Changes columns of an item."""
    transaction.connection.execute(_UPDATE_ITEM, {"of_job": job_id, "of_item": number, **values})


def update_step(transaction: Transaction, key: StepKey, **values: Any) -> None:
    """Changes columns of a step, whoever has it."""
    transaction.connection.execute(_UPDATE_STEP, {**_names(key), **values})


def update_held(transaction: Transaction, lease: Lease, **values: Any) -> bool:
    """Changes columns of a step only as long as the lease holds; whether it does."""
    names = {**_names(lease.key), "of_token": lease.token, **values}
    return transaction.connection.execute(_UPDATE_HELD, names).rowcount == 1


def _names(key: StepKey) -> dict[str, Any]:
    return {
        "of_job": key.job_id,
        "of_item": key.item,
        "of_kind": key.kind.value,
        "of_number": key.number,
    }
