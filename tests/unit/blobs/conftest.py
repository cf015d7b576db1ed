"""A library over the twin of a store and a real SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.blob_stores import memory_store
from tests.databases import Clock, open_migrated_sqlite

from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.database.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    return memory_store(tmp_path)


@pytest.fixture
def library(store: MemoryStore, database: Database, clock: Clock) -> BlobLibrary:
    return BlobLibrary(store, database, quota_bytes=1000, now=clock)
