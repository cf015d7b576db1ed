"""Erases everything of a person, and proves it: files, rows, cached results, uploads; then looks again.

It goes job by job, and may die at any moment: the next server or the next purge goes on, and the receipt has
what this one erased.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from sqlalchemy import Connection, select

from steadfast.blobs import references
from steadfast.blobs.blob import BlobAddress, parse_address
from steadfast.blobs.references import Reference
from steadfast.errors import InvalidOption
from steadfast.jobs import endings
from steadfast.jobs.deletion import DeletionReason, forget_job, let_inputs_go, let_results_go, rows_left
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import ENDED, JobState
from steadfast.jobs.purge_receipt import (
    BegunPurge,
    ErasedFile,
    HadFiles,
    PurgeReceipt,
    Verification,
    begun_purges,
    forget_begun,
    forget_unfinished,
    keep_receipt,
    note_begun,
    note_had,
    unfinished,
)
from steadfast.jobs.rows import AnyRow, item_of, space_of
from steadfast.jobs.tables import ITEMS, JOBS
from steadfast.jobs.transaction import JobDatabase, Transaction
from steadfast.jobs.updates import lock_job
from steadfast.uploads.upload import UPLOADS

_STOPS_WITHIN_S = 2.0
"""After a job was cancelled its workers may still be handing something in."""
_ROUNDS = 3
_AT_ONCE = 500
_TAKEN_UP_AFTER = timedelta(hours=1)
"""Where nobody can tell whether the server that began a purge still lives."""


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
        database and the store raise; then, as after a death, `take_up` or who asks again goes on.
        """
        if not subject:
            raise InvalidOption("A purge names its subject.", remedy="steadfast jobs purge --subject ID")
        await self._jobs.write(lambda t: _begin(t, subject, owner, asked_by))
        for had in await self._unfinished(subject, owner):  # of one that died: its files may still lie there
            await asyncio.to_thread(self._erase_files, had)
        for _ in range(_ROUNDS):  # a worker that was cancelled may have handed in something late
            ids = await self._jobs.read(lambda c: _jobs_of(c, subject, owner))
            gone = {had.job_id: had.key for had in await self._unfinished(subject, owner)}
            if not ids and not await asyncio.to_thread(self._is_anything_left, list(gone)):
                break
            await self._cancel(ids)
            await self._erase(subject, dict.fromkeys(ids, "") or gone)
        # Outside of the transaction: a bucket answers a few dozen such questions in a second, and meanwhile
        # nobody else could write, until the database ended a transaction that says nothing.
        there = await asyncio.to_thread(self._still_there, await self._unfinished(subject, owner))
        return await self._jobs.write(lambda t: self._receipt(t, subject, owner, asked_by, there))

    async def take_up(self) -> int:
        """Goes on with purges whose server has died, or that have not ended for long; how many."""
        left = await self._jobs.write(_left_behind)
        for begun in left:
            await self.of_subject(begun.subject, owner=begun.key, asked_by=begun.asked_by)
        return len(left)

    async def _unfinished(self, subject: str, owner: str | None) -> list[HadFiles]:
        return await self._jobs.read(lambda c: unfinished(c, subject, owner))

    async def _cancel(self, ids: list[str]) -> None:
        stopped = [await self._jobs.write(lambda t, one=job_id: _end(t, one)) for job_id in ids]  # type: ignore[misc]
        if any(stopped):
            await self._pause(_STOPS_WITHIN_S)

    async def _erase(self, subject: str, jobs: dict[str, str]) -> None:
        """`jobs`: with the key of those whose rows are gone."""
        for job_id, key in jobs.items():

            def release(transaction: Transaction, job_id: str = job_id, key: str = key) -> HadFiles:
                had = _release(transaction, job_id, key)
                note_had(transaction.connection, subject, had, transaction.at)
                return had

            had = await self._jobs.write(release)
            await asyncio.to_thread(self._erase_files, had)

    def _erase_files(self, had: HadFiles) -> None:
        """Also what had lost its owner a moment ago and was not collected yet."""
        self._jobs.library.erase({one.blob.address for one in had.files} | set(had.addresses))
        for space, group in had.groups:
            self._jobs.library.erase_group(space, group)

    def _is_anything_left(self, job_ids: list[str]) -> bool:
        return any(self._jobs.library.references_of(job_id) for job_id in job_ids)

    def _still_there(self, every: Sequence[HadFiles]) -> frozenset[str]:
        """Names of files that the store has, looked for one by one."""
        store = self._jobs.library.store
        names = {one.blob.stored_name for had in every for one in (*had.files, *had.freed)}
        return frozenset(name for name in names if store.size_of(name) is not None)

    def _receipt(
        self,
        transaction: Transaction,
        subject: str,
        owner: str | None,
        asked_by: str,
        there: frozenset[str],
    ) -> PurgeReceipt:
        connection = transaction.connection
        every = unfinished(connection, subject, owner)
        files = {
            (one.owner, one.role, one.blob.address): ErasedFile(
                job_id=one.owner,
                role=one.role,
                sha256=one.blob.address.sha256,
                size_bytes=one.blob.size_bytes,
                needed_by=tuple(references.owners_of(connection, one.blob.address)),
            )
            for had in every
            for one in (*had.files, *had.freed)
        }
        receipt = PurgeReceipt(
            id=secrets.token_hex(16),
            purged_at=transaction.at,
            asked_by=asked_by,
            subject_sha256=hashlib.sha256(subject.encode()).hexdigest(),
            jobs=tuple(dict.fromkeys(had.job_id for had in every)),
            files=tuple(files.values()),
            uploads=tuple(upload for had in every for upload in had.uploads),
            rows=sum(had.rows for had in every),
            verification=_verify(transaction, subject, owner, every, there),
        )
        forget_unfinished(connection, subject, owner)
        forget_begun(connection, subject, owner)
        keep_receipt(connection, receipt)
        return receipt


def _begin(transaction: Transaction, subject: str, owner: str | None, asked_by: str) -> None:
    begun = BegunPurge(
        subject=subject,
        key=owner,
        asked_by=asked_by,
        begun_at=transaction.at,
        begun_by=str(transaction.here),
    )
    forget_begun(transaction.connection, subject, owner)  # of one that died: this one goes on
    note_begun(transaction.connection, begun)


def _verify(
    transaction: Transaction,
    subject: str,
    owner: str | None,
    every: Sequence[HadFiles],
    there: frozenset[str],
) -> Verification:
    connection = transaction.connection
    job_ids = {had.job_id for had in every}
    names = {
        one.blob.stored_name
        for had in every
        for one in (*had.files, *had.freed)
        if not references.owners_of(connection, one.blob.address)
    }
    return Verification(
        verified_at=transaction.at,
        jobs_left=len(_jobs_of(connection, subject, owner)),
        rows_left=sum(rows_left(connection, job_id) for job_id in job_ids),
        references_left=sum(len(references.references_of(connection, one)) for one in job_ids),
        files_left=len(names & there),
    )


def _left_behind(transaction: Transaction) -> list[BegunPurge]:
    def is_left(begun: BegunPurge) -> bool:
        incarnation = Incarnation.parse(begun.begun_by)
        is_dead = incarnation is not None and incarnation.is_surely_dead(transaction.here)
        return is_dead or begun.begun_at <= transaction.at - _TAKEN_UP_AFTER

    return [begun for begun in begun_purges(transaction.connection) if is_left(begun)]


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


def _release(transaction: Transaction, job_id: str, key: str) -> HadFiles:
    """All that one job has: its files lose their owner, uploads of the same files go, its rows go."""
    job = lock_job(transaction, job_id)
    if job is None:  # a round before this one had it; somebody handed in a file since
        return _release_late(transaction, job_id, key)
    space, rows = space_of(job.owner), _items(transaction, job_id)
    addresses = {address for row in rows for address in _addresses_in(row, space)}
    groups = {(space, row.identity) for row in rows}
    files = let_inputs_go(transaction, job, DeletionReason.PURGE)
    files += let_results_go(transaction, job, DeletionReason.PURGE)
    addresses |= {one.blob.address for one in files}
    return HadFiles(
        job_id=job_id,
        key=job.owner,
        files=tuple(files),
        freed=tuple(_freed(transaction, job_id, addresses, groups, files)),
        uploads=tuple(_drop_uploads(transaction, space, addresses)),
        rows=forget_job(transaction, job_id),
        addresses=tuple(addresses),
        groups=tuple(groups),
    )


def _release_late(transaction: Transaction, job_id: str, key: str) -> HadFiles:
    files = references.references_of(transaction.connection, job_id)
    transaction.library.release(transaction.connection, owner=job_id)
    return HadFiles(
        job_id=job_id, key=key, files=tuple(files), freed=(), uploads=(), rows=0, addresses=(), groups=()
    )


def _freed(
    transaction: Transaction,
    job_id: str,
    addresses: set[BlobAddress],
    groups: set[tuple[str, str]],
    files: Sequence[Reference],
) -> Iterator[Reference]:
    """What had lost its owner before and was not collected yet, as files of this job."""
    owned = {one.blob.address for one in files}
    for blob in references.free_files(transaction.connection, among=addresses, within=groups):
        if blob.address not in owned:
            yield Reference(owner=job_id, role="freed", blob=blob)


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
