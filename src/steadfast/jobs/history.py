"""What happened to a job, kept under increasing numbers, so that who lost the connection goes on where he
was."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from steadfast.jobs.port import HistoryEntry
from steadfast.jobs.rows import as_json, decoded
from steadfast.jobs.tables import HISTORY
from steadfast.jobs.transaction import Transaction

_NOTE = HISTORY.insert().returning(HISTORY.c.id)


def note(transaction: Transaction, job_id: str, kind: str, data: Mapping[str, Any]) -> int:
    """Adds an entry; its number. Other modules (callbacks, retention) add theirs in their own transactions.

    The job's row is locked by whoever calls this, or nobody else writes: so the entries of one job become
    visible in the order of their numbers.
    """
    values = {"job_id": job_id, "kind": kind, "at": transaction.at, "data": as_json(data)}
    entry_id = transaction.connection.execute(_NOTE, values).scalar_one()
    return int(entry_id)


def entries_after(connection: Connection, job_id: str, after: int, limit: int) -> list[HistoryEntry]:
    """Those with a higher number, in order."""
    query = select(HISTORY).where(HISTORY.c.job_id == job_id, HISTORY.c.id > after)
    rows = connection.execute(query.order_by(HISTORY.c.id).limit(limit)).all()
    return [HistoryEntry(id=row.id, kind=row.kind, at=row.at, data=decoded(row.data)) for row in rows]
