"""A desk over a folder of files and a real SQLite file."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.databases import Clock, open_migrated_sqlite

from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.uploads.desk import UploadDesk, UploadLimits
from steadfast.uploads.upload import UploadRows

KEEP = timedelta(hours=24)
MakeDesk = Callable[[], UploadDesk]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(database: Database, clock: Clock, tmp_path: Path) -> BlobLibrary:
    return BlobLibrary(FolderStore(tmp_path / "blobs"), database, now=clock)


@pytest.fixture
def make_desk(database: Database, library: BlobLibrary, clock: Clock) -> MakeDesk:
    """Another one is what a restarted server has."""

    def make() -> UploadDesk:
        limits = UploadLimits(max_bytes=8 << 20, max_open=3, quota_bytes=10 << 20, full_at=1.0)
        return UploadDesk(UploadRows(database, keep_for=KEEP, now=clock), library, database.run, limits)

    return make


@pytest.fixture
def desk(make_desk: MakeDesk) -> UploadDesk:
    return make_desk()


async def pieces(*content: bytes, then: Callable[[], Awaitable[Any]] | None = None) -> AsyncIterator[bytes]:
    """A body that comes in these pieces; `then`: what happens after the last."""
    for piece in content:
        yield piece
        await asyncio.sleep(0)
    if then is not None:
        await then()
