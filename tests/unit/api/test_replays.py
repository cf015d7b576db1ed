"""An answer that was kept is given again, byte for byte, and goes with its record."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.blob_stores import memory_store
from tests.databases import open_migrated_sqlite
from tests.unit.api.asgi import run

from steadfast.admission.idempotency import Claim, IdempotencyStore
from steadfast.api.answer_bodies import FolderBodies, StoreBodies
from steadfast.api.intake import Held, Room
from steadfast.api.replays import KeptAnswer, Replays, Wanted, fingerprint_of, key_in
from steadfast.database.database import Database
from steadfast.errors import (
    BlobMissing,
    BlobStoreUnreachable,
    DatabaseBusy,
    DiskFull,
    IdempotencyInProgress,
    MalformedRequest,
)

WANTED = Wanted(owner="k1", key="once", fingerprint="f" * 64, hold_s=30.0)
ANSWER = KeptAnswer(status=200, content_type=b"image/png", headers=[(b"x-a", b"1")], body=b"\x00picture")


async def aside(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


class Wall:
    """A wall clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_migrated_sqlite(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def replays(database: Database, tmp_path: Path, wall: Wall) -> Replays:
    store = IdempotencyStore(database, now=wall)
    return Replays(store, aside, FolderBodies(tmp_path / "answers"), keep=timedelta(hours=1))


def claimed(replays: Replays) -> Claim:
    found = run(replays.claim(WANTED))
    assert isinstance(found, Claim)
    return found


def kept_files(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "answers").rglob("*") if file.is_file()]


class FullBodies(FolderBodies):
    """A disk without room."""

    def keep(self, content: bytes) -> str:
        raise DiskFull("No space is left.")


def test_an_answer_that_was_kept_is_given_again(replays: Replays) -> None:
    run(replays.keep(claimed(replays), ANSWER))
    assert run(replays.claim(WANTED)) == ANSWER


def test_while_the_first_runs_the_second_is_told_to_wait(replays: Replays) -> None:
    claimed(replays)
    with pytest.raises(IdempotencyInProgress):
        run(replays.claim(WANTED))


def test_what_failed_may_be_tried_again(replays: Replays) -> None:
    run(replays.abandon(claimed(replays)))
    claimed(replays)


def test_what_is_asked_twice_is_done_once_and_what_failed_is_done_again(replays: Replays) -> None:
    made: list[KeptAnswer] = []

    async def fail() -> KeptAnswer:
        raise MalformedRequest("It failed.")

    async def work() -> KeptAnswer:
        made.append(ANSWER)
        return ANSWER

    with pytest.raises(MalformedRequest):
        run(replays.once(WANTED, fail))
    assert run(replays.once(WANTED, work)) == (ANSWER, ())
    assert run(replays.once(WANTED, work)) == (ANSWER, ((b"idempotent-replayed", b"true"),))
    assert len(made) == 1


def test_an_answer_past_its_time_is_removed_with_its_file(
    replays: Replays, tmp_path: Path, wall: Wall
) -> None:
    run(replays.keep(claimed(replays), ANSWER))
    assert len(kept_files(tmp_path)) == 1
    wall.now += timedelta(hours=2)
    replays.forget()
    assert kept_files(tmp_path) == []


def test_an_answer_whose_claim_was_lost_leaves_no_file(replays: Replays, tmp_path: Path, wall: Wall) -> None:
    late = claimed(replays)
    wall.now += timedelta(seconds=60)
    claimed(replays)
    run(replays.keep(late, ANSWER))
    assert kept_files(tmp_path) == []


def test_who_was_served_is_told_so_though_the_disk_has_no_room_to_keep_it(
    database: Database, tmp_path: Path, wall: Wall
) -> None:
    full = Replays(
        IdempotencyStore(database, now=wall), aside, FullBodies(tmp_path / "answers"), keep=timedelta(hours=1)
    )
    made: list[KeptAnswer] = []

    async def work() -> KeptAnswer:
        made.append(ANSWER)
        return ANSWER

    assert run(full.once(WANTED, work)) == (ANSWER, ())
    assert run(full.once(WANTED, work)) == (ANSWER, ())  # carried out anew, not refused as being under way
    assert len(made) == 2


def test_an_answer_whose_record_cannot_be_written_leaves_no_file(
    replays: Replays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claimed(replays)

    def fail(*_: Any, **__: Any) -> bool:
        raise DatabaseBusy("It is busy.")

    monkeypatch.setattr(IdempotencyStore, "complete", fail)
    run(replays.keep(claim, ANSWER))
    assert kept_files(tmp_path) == []


def test_an_answer_whose_file_is_gone_is_made_again(replays: Replays, tmp_path: Path) -> None:
    run(replays.keep(claimed(replays), ANSWER))
    for file in kept_files(tmp_path):
        file.unlink()
    run(replays.keep(claimed(replays), ANSWER))
    assert run(replays.claim(WANTED)) == ANSWER


def test_what_failed_is_told_though_the_database_failed_with_it(
    replays: Replays, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> bool:
        raise DatabaseBusy("It is busy.")

    async def work() -> KeptAnswer:
        raise MalformedRequest("It failed.")

    monkeypatch.setattr(IdempotencyStore, "abandon", fail)
    with pytest.raises(MalformedRequest):
        run(replays.once(WANTED, work))


def test_who_went_away_while_it_was_claimed_has_nothing_claimed(replays: Replays) -> None:
    async def go_away() -> None:
        asking = asyncio.ensure_future(replays.claim(WANTED))
        await asyncio.sleep(0)  # it is claimed, and nobody has been told
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(go_away())
    claimed(replays)


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_an_answer_without_a_record_is_removed_once_it_is_old(
    database: Database, tmp_path: Path, wall: Wall, kind: str
) -> None:
    bodies = FolderBodies(tmp_path / "answers") if kind == "folder" else StoreBodies(memory_store(tmp_path))
    wall.now = datetime.now(UTC)
    store = IdempotencyStore(database, now=wall)
    replays = Replays(store, aside, bodies, keep=timedelta(hours=1), now=wall)
    name = bodies.keep(b"a death left me")
    replays.forget()
    assert bodies.read(name) == b"a death left me"
    wall.now += timedelta(hours=2, minutes=1)
    replays.forget()
    with pytest.raises(BlobMissing):
        bodies.read(name)


def test_a_folder_without_room_or_rights_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "answers").write_bytes(b"a file where the folder should be")
    with pytest.raises(BlobStoreUnreachable):
        FolderBodies(tmp_path / "answers").keep(b"an answer")


def test_a_fingerprint_sees_content_order_and_borders_but_not_where_bytes_lie(tmp_path: Path) -> None:
    room = Room(folder=tmp_path, memory_bytes=100, disk_bytes=100)

    def held(*pieces: bytes) -> Held:
        return Held(room=room, pieces=list(pieces), size_bytes=sum(map(len, pieces)))

    file = tmp_path / "body"
    file.write_bytes(b"abcd")
    one = fingerprint_of([b"x"], [held(b"ab", b"cd")])
    assert one == fingerprint_of([b"x"], [held(b"abcd")])
    assert one == fingerprint_of([b"x"], [Held(room=room, size_bytes=4, file=file)])
    others = (
        fingerprint_of([b"y"], [held(b"abcd")]),
        fingerprint_of([b"x"], [held(b"ab"), held(b"cd")]),
        fingerprint_of([b"x"], [held(b"abdc")]),
    )
    assert one not in others


def test_a_key_is_short_ascii() -> None:
    assert key_in(None) is None
    assert key_in(b"abc") == "abc"
    for wrong in (b"", b"x" * 256, "ä".encode()):
        with pytest.raises(MalformedRequest):
            key_in(wrong)
