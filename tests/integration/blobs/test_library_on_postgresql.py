"""What holds for kept files on SQLite holds on PostgreSQL; and owners that come and go at once do no harm."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from tests.blob_stores import memory_store
from tests.databases import Clock
from tests.library_promises import LibraryPromises, keep, release

from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.database.database import Database


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    return memory_store(tmp_path)


@pytest.fixture
def library(store: MemoryStore, database: Database, clock: Clock) -> BlobLibrary:
    return BlobLibrary(store, database, quota_bytes=1000, now=clock)


class TestLibraryOnPostgresql(LibraryPromises):
    """The fixtures are above."""


def test_a_release_that_crosses_a_new_owner_never_frees_the_file(
    library: BlobLibrary, database: Database
) -> None:
    blob = keep(library, b"x", owner="old")
    with database.writing() as connection:
        library.refer(connection, blob.address, owner="new", role="input")
        releasing = threading.Thread(target=release, args=(library, database, "old"))
        releasing.start()
        releasing.join(0.3)  # it waits for the row that this transaction holds
        assert releasing.is_alive()
    releasing.join(60)
    assert library.collect(grace=timedelta(0)).files == 0
    library.verify(blob.address)


def test_the_collector_passes_over_what_is_being_referred_to(
    library: BlobLibrary, database: Database
) -> None:
    blob = keep(library, b"x", owner="old")
    release(library, database, "old")
    with database.writing() as connection:
        library.refer(connection, blob.address, owner="new", role="input")
        assert library.collect(grace=timedelta(0)).files == 0
    library.verify(blob.address)


def test_many_who_bring_and_drop_the_same_content_end_with_one_file_or_none(
    library: BlobLibrary, database: Database, store: MemoryStore
) -> None:
    faults: list[Exception] = []

    def bring_and_drop(owner: str) -> None:
        try:
            for _ in range(8):
                library.verify(keep(library, b"same", owner=owner).address)
                release(library, database, owner)
                library.collect(grace=timedelta(0))
        except Exception as error:  # noqa: BLE001 — told to the test's own thread
            faults.append(error)

    keep(library, b"same", owner="stays")
    threads = [threading.Thread(target=bring_and_drop, args=(f"job-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert len(list(store.listed())) == 1
