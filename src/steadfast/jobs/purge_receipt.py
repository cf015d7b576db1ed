"""What proves a purge, and what one that was broken off has left behind for the next.

Receipts name ids, hashes, sizes and times, and of the subject only a hash: whoever holds the subject's id can
find the receipt, and nobody learns the id from it. What a job had is written down in the transaction that
deletes its rows, and taken up by the receipt: a death in between costs the receipt nothing.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Index, String, Table, Text, delete, select

from steadfast.blobs.blob import BlobAddress
from steadfast.blobs.references import Reference
from steadfast.database.schema import METADATA, UtcTime
from steadfast.jobs.rows import as_json

RECEIPTS = Table(
    "purge_receipts",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("purged_at", UtcTime, nullable=False),
    Column("subject_sha256", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_purge_receipts_subject_sha256", "subject_sha256"),
)
_AT_ONCE = 500
_BEGUN = hashlib.sha256(b"purges that are begun").hexdigest()
"""Stands where receipts have the subject's hash."""


class ErasedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that the subject's jobs had."""

    job_id: str
    role: str
    """`input`, `result`, `segment-…`, or `freed` for what the job had let go of and was not collected yet."""
    sha256: str
    size_bytes: int
    needed_by: tuple[str, ...] = ()
    """Jobs and uploads without this subject that have the same file, so it stays for them; empty: erased."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when everything was looked for again."""

    verified_at: datetime
    jobs_left: int
    rows_left: int
    references_left: int
    files_left: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.jobs_left or self.rows_left or self.references_left or self.files_left)


class PurgeReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The proof; kept as long as the database."""

    id: str
    purged_at: datetime
    asked_by: str
    """Id of the API key, or who else."""
    subject_sha256: str
    jobs: tuple[str, ...]
    files: tuple[ErasedFile, ...]
    uploads: tuple[str, ...]
    rows: int
    verification: Verification

    @property
    def files_erased(self) -> int:
        """How many are gone."""
        return sum(not one.needed_by for one in self.files)

    @property
    def bytes_erased(self) -> int:
        """How much is gone."""
        return sum(one.size_bytes for one in self.files if not one.needed_by)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left, not even for others."""
        return self.verification.is_clean and self.files_erased == len(self.files)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, with a sum over all of it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        document |= {
            "files_erased": self.files_erased,
            "bytes_erased": self.bytes_erased,
            "is_complete": self.is_complete,
        }
        return document | {"sha256": hashlib.sha256(as_json(document).encode()).hexdigest()}


@dataclass(frozen=True, kw_only=True, slots=True)
class HadFiles:
    """What one job had, as it was when its rows went."""

    job_id: str
    key: str
    """Id of the API key whose job it was."""
    files: tuple[Reference, ...]
    freed: tuple[Reference, ...]
    """What it had let go of and was not collected yet: segments that had served their purpose."""
    uploads: tuple[str, ...]
    rows: int
    addresses: tuple[BlobAddress, ...]
    """Of its inputs and results, whether it still had a hold on them or not."""
    groups: tuple[tuple[str, str], ...]
    """Where its segments lay."""


class BegunPurge(msgspec.Struct, frozen=True, kw_only=True):
    """A purge that has no receipt yet; it names the subject as long as that has jobs."""

    subject: str
    key: str | None
    """Only of this API key; None: of all."""
    asked_by: str
    begun_at: datetime
    begun_by: str
    """One life of one server."""


def receipts_of(connection: Connection, subject: str) -> list[dict[str, Any]]:
    """Every receipt about a subject, the latest first."""
    mine = RECEIPTS.c.subject_sha256 == hashlib.sha256(subject.encode()).hexdigest()
    query = select(RECEIPTS.c.document).where(mine).order_by(RECEIPTS.c.purged_at.desc())
    return [msgspec.json.decode(text) for text in connection.execute(query).scalars()]


def keep_receipt(connection: Connection, receipt: PurgeReceipt) -> None:
    """Writes it down for good."""
    values = {
        "id": receipt.id,
        "purged_at": receipt.purged_at,
        "subject_sha256": receipt.subject_sha256,
        "document": as_json(receipt.as_dict()),
    }
    connection.execute(RECEIPTS.insert().values(values))


def note_begun(connection: Connection, begun: BegunPurge) -> None:
    """Writes down that a purge is begun, so that a death does not end it."""
    values = {
        "id": secrets.token_hex(16),
        "purged_at": begun.begun_at,
        "subject_sha256": _BEGUN,
        "document": as_json(begun),
    }
    connection.execute(RECEIPTS.insert().values(values))


def begun_purges(connection: Connection) -> list[BegunPurge]:
    """Those that have no receipt yet."""
    return [begun for _, begun in _begun_rows(connection)]


def forget_begun(connection: Connection, subject: str, key: str | None) -> None:
    """There is a receipt now."""
    for row_id, begun in _begun_rows(connection):
        if begun.subject == subject and key in (None, begun.key):
            connection.execute(delete(RECEIPTS).where(RECEIPTS.c.id == row_id))


def _begun_rows(connection: Connection) -> Sequence[tuple[str, BegunPurge]]:
    query = select(RECEIPTS.c.id, RECEIPTS.c.document).where(RECEIPTS.c.subject_sha256 == _BEGUN)
    rows = connection.execute(query.order_by(RECEIPTS.c.purged_at)).all()
    return [(row.id, msgspec.json.decode(row.document, type=BegunPurge)) for row in rows]


def note_had(connection: Connection, subject: str, had: HadFiles, at: datetime) -> None:
    """Writes down what a job had, until a receipt says it."""
    values = {
        "id": secrets.token_hex(16),
        "purged_at": at,
        "subject_sha256": _mark_of_unfinished(subject),
        "document": as_json(had),
    }
    connection.execute(RECEIPTS.insert().values(values))


def unfinished(connection: Connection, subject: str, key: str | None) -> list[HadFiles]:
    """What jobs of a subject had that no receipt says yet; `key`: only of this key, None: of all."""
    return [had for _, had in _unfinished_rows(connection, subject, key)]


def forget_unfinished(connection: Connection, subject: str, key: str | None) -> None:
    """A receipt says it now."""
    ids = [row_id for row_id, _ in _unfinished_rows(connection, subject, key)]
    for begin in range(0, len(ids), _AT_ONCE):
        connection.execute(delete(RECEIPTS).where(RECEIPTS.c.id.in_(ids[begin : begin + _AT_ONCE])))


def _unfinished_rows(connection: Connection, subject: str, key: str | None) -> Sequence[tuple[str, HadFiles]]:
    mine = RECEIPTS.c.subject_sha256 == _mark_of_unfinished(subject)
    rows = connection.execute(select(RECEIPTS.c.id, RECEIPTS.c.document).where(mine)).all()
    every = ((row.id, msgspec.json.decode(row.document, type=HadFiles)) for row in rows)
    return [(row_id, had) for row_id, had in every if key is None or had.key == key]


def _mark_of_unfinished(subject: str) -> str:
    """Stands where receipts have the subject's hash, and is never one of those."""
    return hashlib.sha256(b"unfinished purge of " + subject.encode()).hexdigest()
