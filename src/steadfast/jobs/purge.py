"""Erases everything of a person, and proves it: files, rows, cached results, uploads; then looks again.

The receipt names ids, hashes, sizes and times, and of the subject only a hash: whoever holds the subject's id
can find the receipt, and nobody learns the id from it.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Index, String, Table, Text, select

from steadfast.blobs import references
from steadfast.blobs.blob import Blob, BlobAddress, parse_address
from steadfast.blobs.references import Reference
from steadfast.database.schema import METADATA, UtcTime
from steadfast.errors import InvalidOption
from steadfast.jobs import endings
from steadfast.jobs.deletion import DeletionReason, forget_job, let_inputs_go, let_results_go, rows_left
from steadfast.jobs.job import ENDED, JobState
from steadfast.jobs.rows import AnyRow, as_json, item_of, space_of
from steadfast.jobs.tables import ITEMS, JOBS
from steadfast.jobs.transaction import JobDatabase, Transaction
from steadfast.jobs.updates import lock_job
from steadfast.uploads.upload import UPLOADS

RECEIPTS = Table(
    "purge_receipts",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("purged_at", UtcTime, nullable=False),
    Column("subject_sha256", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_purge_receipts_subject_sha256", "subject_sha256"),
)
_STOPS_WITHIN_S = 2.0
"""After a job was cancelled its workers may still be handing something in."""
_ROUNDS = 3
_AT_ONCE = 500


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


@dataclass(kw_only=True, slots=True)
class _Found:
    jobs: list[str]
    files: list[Reference]
    uploads: list[str]
    freed: list[tuple[str, Blob]]
    rows: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Had:
    """What one job had."""

    files: list[Reference]
    uploads: list[str]
    rows: int
    addresses: set[BlobAddress]
    """Of its inputs and results, whether it still had a hold on them or not."""
    groups: set[tuple[str, str]]
    """Where its segments lay."""


class Purge:
    """One way to forget a person. May be run again at any time: what is gone is gone."""

    def __init__(
        self, jobs: JobDatabase, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._jobs = jobs
        self._pause = pause

    async def of_subject(self, subject: str, *, owner: str | None, asked_by: str) -> PurgeReceipt:
        """Erases what the jobs of a subject have and are; `owner`: only of this key, None: of all.

        A job that runs is cancelled first. A file that a job or upload without this subject has, too, stays
        for that one, and the receipt says so. Raises `InvalidOption` for an empty subject, and what the
        database and the store raise; then it can be done again.
        """
        if not subject:
            raise InvalidOption("A purge names its subject.", remedy="steadfast jobs purge --subject ID")
        found = _Found(jobs=[], files=[], uploads=[], freed=[])
        for _ in range(_ROUNDS):  # a worker that was cancelled may have handed in something late
            ids = await self._jobs.read(lambda c: _jobs_of(c, subject, owner))
            if not ids and not await asyncio.to_thread(self._is_anything_left, found):
                break
            await self._cancel(ids)
            await self._erase(ids or found.jobs, found)
        return await self._jobs.write(lambda t: self._keep_receipt(t, subject, owner, asked_by, found))

    async def _cancel(self, ids: list[str]) -> None:
        stopped = [await self._jobs.write(lambda t, one=job_id: _end(t, one)) for job_id in ids]  # type: ignore[misc]
        if any(stopped):
            await self._pause(_STOPS_WITHIN_S)

    async def _erase(self, ids: list[str], found: _Found) -> None:
        for job_id in ids:
            had = await self._jobs.write(lambda t, one=job_id: _release(t, one))  # type: ignore[misc]
            if job_id not in found.jobs:
                found.jobs.append(job_id)
            found.files += had.files
            found.uploads += had.uploads
            found.rows += had.rows
            freed = await asyncio.to_thread(self._erase_files, had)
            found.freed += [(job_id, blob) for blob in freed]

    def _erase_files(self, had: "_Had") -> list[Blob]:
        """Also what had lost its owner a moment ago and was not collected yet; the answer is that."""
        owned = {one.blob.address for one in had.files}
        erased = self._jobs.library.erase(owned | had.addresses)
        for space, group in had.groups:
            erased += self._jobs.library.erase_group(space, group)
        return [blob for blob in erased if blob.address not in owned]

    def _is_anything_left(self, found: _Found) -> bool:
        return any(self._jobs.library.references_of(job_id) for job_id in found.jobs)

    def _keep_receipt(
        self, transaction: Transaction, subject: str, owner: str | None, asked_by: str, found: _Found
    ) -> PurgeReceipt:
        connection = transaction.connection
        files = {
            (one.owner, one.role, one.blob.address): ErasedFile(
                job_id=one.owner,
                role=one.role,
                sha256=one.blob.address.sha256,
                size_bytes=one.blob.size_bytes,
                needed_by=tuple(references.owners_of(connection, one.blob.address)),
            )
            for one in found.files
        }
        files |= {
            (job_id, "freed", blob.address): ErasedFile(
                job_id=job_id,
                role="freed",
                sha256=blob.address.sha256,
                size_bytes=blob.size_bytes,
                needed_by=tuple(references.owners_of(connection, blob.address)),
            )
            for job_id, blob in found.freed
        }
        receipt = PurgeReceipt(
            id=secrets.token_hex(16),
            purged_at=transaction.at,
            asked_by=asked_by,
            subject_sha256=hashlib.sha256(subject.encode()).hexdigest(),
            jobs=tuple(found.jobs),
            files=tuple(files.values()),
            uploads=tuple(found.uploads),
            rows=found.rows,
            verification=self._verify(transaction, subject, owner, found),
        )
        connection.execute(
            RECEIPTS.insert().values(
                id=receipt.id,
                purged_at=receipt.purged_at,
                subject_sha256=receipt.subject_sha256,
                document=as_json(receipt.as_dict()),
            )
        )
        return receipt

    def _verify(
        self, transaction: Transaction, subject: str, owner: str | None, found: _Found
    ) -> Verification:
        connection, store = transaction.connection, self._jobs.library.store
        names = {
            one.blob.stored_name
            for one in found.files
            if not references.owners_of(connection, one.blob.address)
        } | {blob.stored_name for _, blob in found.freed}
        return Verification(
            verified_at=transaction.at,
            jobs_left=len(_jobs_of(connection, subject, owner)),
            rows_left=sum(rows_left(connection, job_id) for job_id in found.jobs),
            references_left=sum(len(references.references_of(connection, one)) for one in found.jobs),
            files_left=sum(store.size_of(name) is not None for name in names),
        )


def receipts_of(connection: Connection, subject: str) -> list[dict[str, Any]]:
    """Every receipt about a subject, the latest first."""
    mine = RECEIPTS.c.subject_sha256 == hashlib.sha256(subject.encode()).hexdigest()
    query = select(RECEIPTS.c.document).where(mine).order_by(RECEIPTS.c.purged_at.desc())
    return [msgspec.json.decode(text) for text in connection.execute(query).scalars()]


def _jobs_of(connection: Connection, subject: str, owner: str | None) -> list[str]:
    # `subject <> ''` lets the partial index answer.
    query = select(JOBS.c.id).where(JOBS.c.subject == subject, JOBS.c.subject != "")
    if owner is not None:
        query = query.where(JOBS.c.owner == owner)
    return list(connection.execute(query.order_by(JOBS.c.id)).scalars())


def _end(transaction: Transaction, job_id: str) -> bool:
    """Cancels it if it has not ended; whether it had not."""
    job = lock_job(transaction, job_id)
    if job is None or JobState(job.state) in ENDED:
        return False
    return endings.end(transaction, job, JobState.CANCELLED)


def _release(transaction: Transaction, job_id: str) -> _Had:
    """All that one job has: its files lose their owner, uploads of the same files go, its rows go."""
    job = lock_job(transaction, job_id)
    if job is None:  # a round before this one had it; somebody handed in a file since
        late = references.references_of(transaction.connection, job_id)
        transaction.library.release(transaction.connection, owner=job_id)
        return _Had(files=late, uploads=[], rows=0, addresses=set(), groups=set())
    space, rows = space_of(job.owner), _items(transaction, job_id)
    addresses = {address for row in rows for address in _addresses_in(row, space)}
    files = let_inputs_go(transaction, job, DeletionReason.PURGE)
    files += let_results_go(transaction, job, DeletionReason.PURGE)
    addresses |= {one.blob.address for one in files}
    return _Had(
        files=files,
        uploads=_drop_uploads(transaction, space, addresses),
        rows=forget_job(transaction, job_id),
        addresses=addresses,
        groups={(space, row.identity) for row in rows},
    )


def _items(transaction: Transaction, job_id: str) -> Sequence[AnyRow]:
    return transaction.connection.execute(select(ITEMS).where(ITEMS.c.job_id == job_id)).all()


def _addresses_in(item: AnyRow, space: str) -> Iterator[BlobAddress]:
    known = item_of(item)
    for file in (known.order.target, *known.order.sources):
        yield BlobAddress(space=space, sha256=file.sha256)
    if item.result_blob:
        yield parse_address(item.result_blob)


def _drop_uploads(transaction: Transaction, space: str, addresses: set[BlobAddress]) -> list[str]:
    sums = [address.sha256 for address in addresses]
    ids: list[str] = []
    for begin in range(0, len(sums), _AT_ONCE):
        mine = UPLOADS.c.space == space, UPLOADS.c.sha256.in_(sums[begin : begin + _AT_ONCE])
        ids += transaction.connection.execute(select(UPLOADS.c.id).where(*mine)).scalars()
    for upload_id in ids:
        transaction.library.release(transaction.connection, owner=upload_id)
        transaction.connection.execute(UPLOADS.delete().where(UPLOADS.c.id == upload_id))
    return ids
