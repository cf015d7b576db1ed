"""What of a job is deleted, in the transaction that records it: the files first lose their owner, then go.

A record of a deletion names hashes and sizes, never content, names or people; it outlives the job.
"""

import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, String, Table, delete, select, update

from steadfast.blobs import references
from steadfast.blobs.references import Reference
from steadfast.database.schema import METADATA, UtcTime
from steadfast.jobs.callback_queue import CALLS, forget_calls
from steadfast.jobs.completion import RESULT_ROLE
from steadfast.jobs.events import FilesDeleted
from steadfast.jobs.history import note
from steadfast.jobs.rows import AnyRow
from steadfast.jobs.tables import ATTEMPTS, HISTORY, ITEMS, JOBS, LABELS, STEPS
from steadfast.jobs.transaction import Transaction


class DeletionReason(StrEnum):
    """Why files were deleted."""

    RETENTION = "retention"  # their time was over
    PURGE = "purge"  # everything of a subject was to go


DELETIONS = Table(
    "deletions",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("deleted_at", UtcTime, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("space", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Index("ix_deletions_deleted_at", "deleted_at"),
    Index("ix_deletions_owner", "owner"),
)


def let_inputs_go(transaction: Transaction, job: AnyRow, reason: DeletionReason) -> list[Reference]:
    """Inputs, and what was made of them for a later try: a job without inputs is not tried again."""
    gone = release_files(transaction, job, reason, lambda role: role != RESULT_ROLE)
    _mark(transaction, job, "inputs", gone, reason, inputs_gone_at=transaction.at)
    return gone


def let_results_go(transaction: Transaction, job: AnyRow, reason: DeletionReason) -> list[Reference]:
    """Results, also as an answer to the same job asked again."""
    gone = release_files(transaction, job, reason, lambda role: role == RESULT_ROLE)
    mine = ITEMS.c.job_id == job.id
    transaction.connection.execute(update(ITEMS).where(mine).values(result_blob="", result_bytes=0))
    _mark(transaction, job, "results", gone, reason, results_gone_at=transaction.at)
    return gone


def release_files(
    transaction: Transaction, job: AnyRow, reason: DeletionReason, is_wanted: Callable[[str], bool]
) -> list[Reference]:
    """Ends what a job needs in roles that are wanted, and records it."""
    every = references.references_of(transaction.connection, job.id)
    gone = [one for one in every if is_wanted(one.role)]
    for role in {one.role for one in gone}:
        transaction.library.release(transaction.connection, owner=job.id, role=role)
    if gone:
        rows = [_record_of(transaction, one, reason) for one in gone]
        transaction.connection.execute(DELETIONS.insert(), rows)
    return gone


def forget_job(transaction: Transaction, job_id: str) -> int:
    """Every row of a job but the record of what was deleted; how many. Its files must be gone before."""
    count = forget_calls(transaction.connection, job_id)
    for table in (LABELS, STEPS, ATTEMPTS, HISTORY, ITEMS):
        count += transaction.connection.execute(delete(table).where(table.c.job_id == job_id)).rowcount
    return count + transaction.connection.execute(delete(JOBS).where(JOBS.c.id == job_id)).rowcount


def rows_left(connection: Connection, job_id: str) -> int:
    """How many rows still know of a job."""
    count = len(connection.execute(select(JOBS.c.id).where(JOBS.c.id == job_id)).all())
    for table in (LABELS, STEPS, ATTEMPTS, HISTORY, ITEMS, CALLS):
        count += len(connection.execute(select(table.c.job_id).where(table.c.job_id == job_id)).all())
    return count


def _mark(
    transaction: Transaction,
    job: AnyRow,
    what: str,
    gone: list[Reference],
    reason: DeletionReason,
    **values: Any,
) -> None:
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))
    size_bytes = sum(one.blob.size_bytes for one in gone)
    data = {"what": what, "files": len(gone), "bytes": size_bytes, "reason": reason.value}
    note(transaction, job.id, "deleted", data)
    transaction.facts.append(
        FilesDeleted(
            job_id=job.id,
            owner=job.owner,
            task=job.task,
            what=what,
            files=len(gone),
            bytes=size_bytes,
            reason=reason.value,
        )
    )


def _record_of(transaction: Transaction, one: Reference, reason: DeletionReason) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(16),
        "deleted_at": transaction.at,
        "reason": reason.value,
        "owner": one.owner,
        "space": one.blob.address.space,
        "role": one.role,
        "sha256": one.blob.address.sha256,
        "size_bytes": one.blob.size_bytes,
    }
