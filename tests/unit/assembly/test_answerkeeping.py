"""What another server had begun may be sent again once that one is over, and not before."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.blob_stores import memory_store
from tests.databases import open_migrated_sqlite
from tests.unit.api.asgi import run

from steadfast.admission.idempotency import Claim, IdempotencyStore
from steadfast.api.replays import Replays, Wanted
from steadfast.assembly.answerkeeping import open_replays
from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.errors import IdempotencyInProgress
from steadfast.settings import Settings

ELSEWHERE = "elsewhere/boot/7/1/cafe"
WANTED = Wanted(owner="k1", key="once", fingerprint="f" * 64, hold_s=30.0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_migrated_sqlite(tmp_path)
    yield opened
    opened.close()


def replays(database: Database, folder: Path, gone: set[str]) -> Replays:
    """Of a server that shares the database with others."""
    ground = SimpleNamespace(redis=None, is_gone=gone.__contains__)
    library = BlobLibrary(memory_store(folder), database)
    return open_replays(Settings(data_dir=folder), database, library, cast("Any", ground))


def begin_elsewhere(database: Database) -> None:
    IdempotencyStore(database, claimed_by=ELSEWHERE).claim(
        owner=WANTED.owner,
        idempotency_key=WANTED.key,
        fingerprint=WANTED.fingerprint,
        hold=timedelta(seconds=30),
    )


def test_what_a_server_that_is_gone_had_begun_is_carried_out_here(database: Database, tmp_path: Path) -> None:
    gone: set[str] = set()
    here = replays(database, tmp_path, gone)
    begin_elsewhere(database)
    with pytest.raises(IdempotencyInProgress):
        run(here.claim(WANTED))
    gone.add(ELSEWHERE)
    assert isinstance(run(here.claim(WANTED)), Claim)


def test_a_start_ends_what_a_server_that_is_gone_had_begun(database: Database, tmp_path: Path) -> None:
    begin_elsewhere(database)
    replays(database, tmp_path, {ELSEWHERE})
    assert isinstance(run(replays(database, tmp_path, set()).claim(WANTED)), Claim)
