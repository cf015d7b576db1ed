"""What a library of files promises, whatever database is under it. Subclasses give the fixtures."""

from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from tests.databases import Clock

from steadfast.blobs import references
from steadfast.blobs.blob import Blob, BlobAddress
from steadfast.blobs.library import GRACE, BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.blobs.staging import Staged, staged
from steadfast.database.database import Database
from steadfast.errors import BlobDamaged, BlobMissing, DatabaseProblem, DiskFull, QuotaExceeded

AT_ONCE = timedelta(0)


def keep(library: BlobLibrary, content: bytes, *, space: str = "alice", owner: str = "job-1") -> Blob:
    """Keeps bytes as an input."""
    return library.keep_pieces([content], space=space, owner=owner, role="input")


def release(library: BlobLibrary, database: Database, owner: str = "job-1") -> list[BlobAddress]:
    """Ends everything an owner needs."""
    with database.writing() as connection:
        return library.release(connection, owner=owner)


def names(store: MemoryStore) -> list[str]:
    return [file.name for file in store.listed()]


class LibraryPromises:
    """Held by SQLite and PostgreSQL."""

    def test_what_is_kept_is_read_back_whole_and_in_ranges(self, library: BlobLibrary) -> None:
        blob = keep(library, b"0123456789")
        assert b"".join(library.read(blob.address)) == b"0123456789"
        assert b"".join(library.read(blob.address, first_byte=2, size_bytes=3)) == b"234"
        assert library.find(blob.address) == blob

    def test_the_same_content_is_stored_once_in_a_space(
        self, library: BlobLibrary, store: MemoryStore
    ) -> None:
        assert keep(library, b"same") == keep(library, b"same", owner="job-2")
        assert len(names(store)) == 1
        assert library.used_bytes("alice") == 4

    def test_another_space_never_shares_nor_finds_it(self, library: BlobLibrary, store: MemoryStore) -> None:
        alice = keep(library, b"same")
        elsewhere = BlobAddress(space="bob", sha256=alice.address.sha256)
        with pytest.raises(BlobMissing):
            library.find(elsewhere)
        keep(library, b"same", space="bob")
        assert len(names(store)) == 2

    def test_a_file_lives_until_its_last_owner_is_gone(
        self, library: BlobLibrary, database: Database, store: MemoryStore, clock: Clock
    ) -> None:
        blob = keep(library, b"x")
        keep(library, b"x", owner="job-2")
        assert release(library, database) == [blob.address]
        clock.turn(days=2)
        assert library.collect().files == 0
        release(library, database, "job-2")
        assert library.collect().files == 0, "its grace has just begun"
        clock.turn(hours=2)
        assert library.collect().bytes == 1
        assert names(store) == []
        with pytest.raises(BlobMissing):
            library.find(blob.address)

    def test_a_file_that_is_kept_again_while_it_is_free_stays(
        self, library: BlobLibrary, database: Database, clock: Clock
    ) -> None:
        blob = keep(library, b"x")
        release(library, database)
        clock.turn(hours=2)
        assert keep(library, b"x", owner="job-2") == blob
        assert library.collect().files == 0
        library.verify(blob.address)

    def test_referring_to_what_was_collected_is_refused(
        self, library: BlobLibrary, database: Database, clock: Clock
    ) -> None:
        blob = keep(library, b"x")
        release(library, database)
        clock.turn(hours=2)
        library.collect()
        with database.writing() as connection, pytest.raises(BlobMissing):
            library.refer(connection, blob.address, owner="job-2", role="input")

    def test_a_reference_is_part_of_the_callers_transaction(
        self, library: BlobLibrary, database: Database, clock: Clock
    ) -> None:
        blob = keep(library, b"x")
        with suppress(ZeroDivisionError), database.writing() as connection:
            library.refer(connection, blob.address, owner="job-2", role="input")
            raise ZeroDivisionError
        release(library, database)
        clock.turn(hours=2)
        assert library.collect().files == 1

    def test_one_role_of_an_owner_is_released_alone(self, library: BlobLibrary, database: Database) -> None:
        keep(library, b"in")
        result = library.keep_pieces([b"out"], space="alice", owner="job-1", role="result")
        with database.writing() as connection:
            library.release(connection, owner="job-1", role="input")
        (left,) = library.references_of("job-1")
        assert (left.role, left.blob) == ("result", result)

    def test_the_database_refuses_to_forget_a_file_that_is_needed(
        self, library: BlobLibrary, database: Database
    ) -> None:
        keep(library, b"x")
        with pytest.raises(IntegrityError), database.writing() as connection:
            connection.execute(references.BLOBS.delete())

    def test_erasing_deletes_at_once_and_spares_what_others_need(
        self, library: BlobLibrary, database: Database, store: MemoryStore
    ) -> None:
        shared, alone = keep(library, b"shared"), keep(library, b"alone")
        keep(library, b"shared", owner="job-2")
        had = release(library, database)
        assert library.erase(had) == [alone]
        assert names(store) == [shared.stored_name]

    def test_a_damaged_file_is_found_and_mended_by_the_same_content(
        self, library: BlobLibrary, store: MemoryStore
    ) -> None:
        blob = keep(library, b"segment")
        store.corrupt(blob.stored_name)
        with pytest.raises(BlobDamaged):
            library.verify(blob.address)
        mended = keep(library, b"segment")
        library.verify(mended.address)
        assert names(store) == [mended.stored_name], "the damaged file is not left there"

    def test_a_file_that_vanished_from_the_store_is_mended_too(
        self, library: BlobLibrary, store: MemoryStore
    ) -> None:
        blob = keep(library, b"segment")
        store.delete(blob.stored_name)
        with pytest.raises(BlobDamaged):
            library.verify(blob.address)
        store.delete(blob.stored_name)
        library.verify(keep(library, b"segment").address)

    def test_it_vanished_and_nobody_has_looked_yet(self, library: BlobLibrary, store: MemoryStore) -> None:
        store.delete(keep(library, b"segment").stored_name)
        library.verify(keep(library, b"segment").address)

    def test_a_lent_file_is_there_only_for_the_block(self, library: BlobLibrary, tmp_path: Path) -> None:
        blob = keep(library, b"x")
        with library.lent(blob.address, tmp_path, suffix=".mp4") as file:
            assert file.read_bytes() == b"x"
            assert file.suffix == ".mp4"
        assert not file.exists()

    def test_the_quota_of_a_key_is_its_own(self, library: BlobLibrary) -> None:
        keep(library, bytes(900))
        with pytest.raises(QuotaExceeded):
            keep(library, bytes(101))
        keep(library, bytes(900), owner="job-2")  # the same content takes no more room
        keep(library, bytes(101), space="bob")
        # What was let in is finished, however much comes of it.
        library.keep_pieces([bytes(101)], space="alice", owner="job-1", role="result")
        assert library.used_bytes("alice") == 1001

    def test_a_full_store_leaves_neither_row_nor_file(self, database: Database, tmp_path: Path) -> None:
        store = MemoryStore(tmp_path / "s", capacity_bytes=10)
        library = BlobLibrary(store, database)
        with pytest.raises(DiskFull):
            keep(library, bytes(11))
        assert library.used_bytes("alice") == 0
        assert not list(store.staging.iterdir())

    def test_a_failure_leaves_the_file_of_who_was_faster(
        self, library: BlobLibrary, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put, refer = store.put, references.refer

        def put_late(name: str, file: Path, sha256: str) -> None:
            monkeypatch.setattr(store, "put", put)
            keep(library, b"same", owner="job-2")
            put(name, file, sha256)
            monkeypatch.setattr(references, "refer", break_off)

        def break_off(*_: object, **__: object) -> None:
            monkeypatch.setattr(references, "refer", refer)
            raise DatabaseProblem("The database went away.")

        monkeypatch.setattr(store, "put", put_late)
        with pytest.raises(DatabaseProblem):
            keep(library, b"same")
        (theirs,) = library.references_of("job-2")
        assert b"".join(library.read(theirs.blob.address)) == b"same"
        assert names(store) == [theirs.blob.stored_name]

    def test_a_file_whose_row_was_never_written_is_swept_after_a_while(
        self, library: BlobLibrary, database: Database, store: MemoryStore, clock: Clock
    ) -> None:
        kept = keep(library, b"kept")
        with library_staged(library, b"orphan") as whole:
            store.put("alice/content/orphan-1", whole.file, whole.sha256)
        clock.time = next(iter(store.listed())).stored_at
        assert library.sweep().files == 0, "its row may be on the way"
        clock.turn(seconds=GRACE.total_seconds() + 5)
        assert library.sweep().files == 1
        assert names(store) == [kept.stored_name]


def library_staged(library: BlobLibrary, content: bytes) -> AbstractContextManager[Staged]:

    return staged(library.store.staging, [content])
