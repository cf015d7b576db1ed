"""Files that are kept: bytes in a store, rows that say who needs them in the database, and the two in step.

A file is durable before its row says so, and its row is gone before the file is. So whatever dies in between
leaves at most a file without a row, which `sweep` finds. A stored name is never used twice: what is deleted
late is never what was stored anew.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from steadfast.blobs import references, staging
from steadfast.blobs.blob import CONTENT, Blob, BlobAddress
from steadfast.blobs.cached import CachedStore
from steadfast.blobs.references import Reference
from steadfast.blobs.staging import Staged, pieces_of, staged
from steadfast.blobs.store import BlobStore, Headroom
from steadfast.database.database import Database
from steadfast.errors import BlobDamaged, BlobMissing, BlobProblem, QuotaExceeded

_log = logging.getLogger(__name__)

ANSWERS = "answers/"
"""What is stored below has no row here, and its own end: see `api.answer_bodies`."""
GRACE = timedelta(hours=1)
"""For which a file that nobody needs, or no row knows, is left alone: its owner may come in a moment."""
INTAKE_ROLES = frozenset({"input", "upload"})
"""What a quota can refuse. What a job makes of its inputs it cannot: they were let in."""
_BATCH = 500


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """What was deleted."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(files=self.files + other.files, bytes=self.bytes + other.bytes)


class BlobLibrary:
    """Every method blocks: see `Database.run`. Those given a connection join the caller's transaction."""

    def __init__(
        self,
        store: BlobStore,
        database: Database,
        *,
        quota_bytes: int | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """`quota_bytes`: of one space, at which nothing more is let in; None: no bound."""
        self.store = store
        self._database = database
        self._quota_bytes = quota_bytes
        self._now = now

    # --- in ---------------------------------------------------------------------------------------------

    def keep_file(self, file: Path, *, space: str, group: str = CONTENT, owner: str, role: str) -> Blob:
        """Keeps a copy of the file for its owner: whoever still has it open changes nothing any more.

        The same content is stored once in a space and group. Raises `QuotaExceeded`, `DiskFull`,
        `InputMissing` or `BlobStoreUnreachable`; then nothing is kept.
        """
        return self.keep_pieces(pieces_of(file), space=space, group=group, owner=owner, role=role)

    def keep_pieces(
        self,
        pieces: Iterable[bytes | memoryview],
        *,
        space: str,
        group: str = CONTENT,
        owner: str,
        role: str,
    ) -> Blob:
        """The same for bytes as they come."""
        with staged(self.store.staging, pieces) as whole:
            return self.keep_staged(whole, space=space, group=group, owner=owner, role=role)

    def keep_staged(self, whole: Staged, *, space: str, group: str = CONTENT, owner: str, role: str) -> Blob:
        """The same for a file on the staging folder's disk that nobody else writes to; it is taken."""
        address = BlobAddress(space=space, group=group, sha256=whole.sha256)
        if (there := self._refer_to_sound(address, owner, role)) is not None:
            return there
        if role in INTAKE_ROLES:
            self._check_quota(space, whole.size_bytes)
        name = f"{address}-{secrets.token_hex(8)}"
        blob = Blob(address=address, size_bytes=whole.size_bytes, stored_name=name)
        self.store.put(name, whole.file, whole.sha256)
        return self._enter(blob, owner, role)

    def _refer_to_sound(self, address: BlobAddress, owner: str, role: str) -> Blob | None:
        """The same content, if it is kept already and as far as anybody knows unharmed."""
        with self._database.reading() as connection:
            try:
                known = references.find(connection, address)
            except BlobMissing:
                return None
        if self.store.size_of(known.stored_name) != known.size_bytes:
            self._note_damage(known)
            return None
        with self._database.writing() as connection:
            row = references.touch(connection, address, self._now())
            if row is None or row.is_damaged:
                return None
            references.refer(connection, address, owner=owner, role=role, now=self._now())
            return references.blob_in(row)

    def _enter(self, blob: Blob, owner: str, role: str) -> Blob:
        superfluous: str | None = None
        kept = blob
        try:
            with self._database.writing() as connection:
                row = references.add_or_touch(connection, blob, self._now())
                if row is not None and row.is_damaged:
                    references.replace_damaged(connection, blob)
                    superfluous = row.stored_name
                elif row is not None:  # somebody was faster
                    superfluous, kept = blob.stored_name, references.blob_in(row)
                references.refer(connection, blob.address, owner=owner, role=role, now=self._now())
        except BaseException:
            self._delete_quietly(blob.stored_name)  # what this call has stored, never what was there
            raise
        if superfluous is not None:
            self._delete_quietly(superfluous)
        return kept

    def _check_quota(self, space: str, more_bytes: int) -> None:
        if self._quota_bytes is None:
            return
        used = self.used_bytes(space)
        if used + more_bytes > self._quota_bytes:
            raise QuotaExceeded(
                f"This key's files take {used / 1e6:.1f} of {self._quota_bytes / 1e6:.1f} MB;"
                f" {more_bytes / 1e6:.1f} MB more are too many."
            )

    # --- who needs what ---------------------------------------------------------------------------------

    def refer(self, connection: Connection, address: BlobAddress, *, owner: str, role: str) -> None:
        """Has a kept file kept for one more owner. Raises `BlobMissing`."""
        references.refer(connection, address, owner=owner, role=role, now=self._now())

    def release(
        self,
        connection: Connection,
        *,
        owner: str,
        role: str | None = None,
        address: BlobAddress | None = None,
    ) -> list[BlobAddress]:
        """Ends what an owner needs, all or one role or one file; the answer is what it had."""
        return references.release(connection, owner=owner, role=role, address=address, now=self._now())

    def let_go(self, owner: str) -> list[BlobAddress]:
        """The same in a transaction of its own."""
        with self._database.writing() as connection:
            return self.release(connection, owner=owner)

    def references_of(self, owner: str) -> list[Reference]:
        """What an owner needs."""
        with self._database.reading() as connection:
            return references.references_of(connection, owner)

    def used_bytes(self, space: str) -> int:
        """What a space takes."""
        with self._database.reading() as connection:
            return references.used_bytes(connection, space)

    def headroom(self) -> Headroom | None:
        """Of the store; None: no bound is known."""
        return self.store.headroom()

    # --- out --------------------------------------------------------------------------------------------

    def find(self, address: BlobAddress) -> Blob:
        """Raises `BlobMissing`."""
        with self._database.reading() as connection:
            return references.find(connection, address)

    def read(
        self, address: BlobAddress, *, first_byte: int = 0, size_bytes: int | None = None
    ) -> Iterator[bytes]:
        """Its bytes in pieces, all or a range. Raises `BlobMissing`."""
        return self.store.read(self.find(address).stored_name, first_byte=first_byte, size_bytes=size_bytes)

    @contextmanager
    def lent(self, address: BlobAddress, folder: Path, *, suffix: str = "") -> Iterator[Path]:
        """A file of that content in `folder` as long as the block runs, for a worker that may read there.

        It may be the stored file under another name, so `folder` is one that no worker may write to.
        """
        blob = self.find(address)
        file = folder / f"lent-{secrets.token_hex(12)}{suffix}"
        try:
            self.store.fetch(blob.stored_name, file)
            yield file
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def verify(self, address: BlobAddress) -> None:
        """Reads it and compares its sum. Raises `BlobDamaged`; the same content kept again then mends it."""
        blob = self.find(address)
        digest = hashlib.sha256()
        try:
            for piece in self.store.read(blob.stored_name):
                digest.update(piece)
        except BlobMissing as error:
            self._note_damage(blob)
            raise BlobDamaged(f"The file {address} has vanished from the store.") from error
        if digest.hexdigest() != address.sha256:
            self._note_damage(blob)
            raise BlobDamaged(f"The file {address} is not what was put there.")

    def _note_damage(self, blob: Blob) -> None:
        with self._database.writing() as connection:
            references.mark_damaged(connection, blob)
        _log.error("file damaged", extra={"kind": blob.address.group, "count": 1})

    # --- gone -------------------------------------------------------------------------------------------

    def collect(self, *, grace: timedelta = GRACE) -> Removed:
        """Deletes what nobody has needed for a while."""
        removed = Removed()
        while batch := self._take_free(self._now() - grace):
            removed += self._delete(batch)
        return removed

    def erase(self, addresses: Iterable[BlobAddress]) -> list[Blob]:
        """Deletes these at once as far as nobody needs them; the answer is what was deleted.

        Raises `BlobStoreUnreachable` where the store fails; `sweep` then finishes it.
        """
        wanted, erased = list(addresses), []
        for begin in range(0, len(wanted), _BATCH):
            with self._database.writing() as connection:
                some = wanted[begin : begin + _BATCH]
                erased += references.take_free(connection, among=some, limit=len(some))
        for blob in erased:
            self.store.delete(blob.stored_name)
        return erased

    def erase_group(self, space: str, group: str) -> list[Blob]:
        """The same for everything of a group."""
        erased: list[Blob] = []
        while True:
            with self._database.writing() as connection:
                batch = references.take_free(connection, within=(space, group), limit=_BATCH)
            for blob in batch:
                self.store.delete(blob.stored_name)
            erased += batch
            if len(batch) < _BATCH:
                return erased

    def forget_cached(self) -> None:
        """Drops from this server's cache what another server has deleted: whoever erases cannot reach it.

        Raises `DatabaseProblem`, `BlobStoreUnreachable`.
        """
        if not isinstance(self.store, CachedStore):
            return
        cached = self.store.cached_names()
        for begin in range(0, len(cached), _BATCH):
            names = cached[begin : begin + _BATCH]
            with self._database.reading() as connection:
                known = references.known_names(connection, names)
            self.store.forget(set(names) - known)

    def sweep(self, *, grace: timedelta = GRACE) -> Removed:
        """Deletes files that no row knows: what a death between file and row has left."""
        staging.sweep(self.store.staging)
        oldest = self._now() - grace
        removed, batch = Removed(), []
        for file in self.store.listed():
            if file.stored_at <= oldest and not file.name.startswith(ANSWERS):
                batch.append(file)
            if len(batch) == _BATCH:
                removed, batch = removed + self._sweep([(f.name, f.size_bytes) for f in batch]), []
        return removed + self._sweep([(f.name, f.size_bytes) for f in batch])

    def _sweep(self, files: list[tuple[str, int]]) -> Removed:
        with self._database.reading() as connection:
            known = references.known_names(connection, [name for name, _ in files])
        unknown = [(name, size) for name, size in files if name not in known]
        for name, _ in unknown:
            self.store.delete(name)
        return Removed(files=len(unknown), bytes=sum(size for _, size in unknown))

    def _take_free(self, since: datetime) -> list[Blob]:
        with self._database.writing() as connection:
            return references.take_free(connection, since=since)

    def _delete(self, blobs: list[Blob]) -> Removed:
        for blob in blobs:
            self._delete_quietly(blob.stored_name)
        return Removed(files=len(blobs), bytes=sum(blob.size_bytes for blob in blobs))

    def _delete_quietly(self, name: str) -> None:
        """What stays is without a row, and `sweep` finds it."""
        try:
            self.store.delete(name)
        except BlobProblem as error:
            _log.warning("file not deleted", extra={"detail": error.detail})
