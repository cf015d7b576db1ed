"""Uploads go on where they stopped, belong to their key, count once, and end whole or not at all."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.databases import Clock
from tests.unit.uploads.conftest import MakeDesk, pieces

from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.errors import (
    BlobMissing,
    ChecksumMismatch,
    MalformedRequest,
    MediaTooLarge,
    QuotaExceeded,
    RequestCancelled,
    ShuttingDown,
    UploadConflict,
    UploadExpired,
    UploadUnfinished,
    UploadUnknown,
)
from steadfast.uploads.desk import UploadDesk
from steadfast.uploads.reception import Checksum


def sha1(content: bytes) -> Checksum:
    return Checksum(algorithm="sha1", digest=hashlib.sha1(content, usedforsecurity=False).digest())


async def client_leaves() -> None:
    raise RequestCancelled("The client went away.")


def test_pieces_make_the_whole_and_the_library_keeps_it(desk: UploadDesk, library: BlobLibrary) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 10, {"filename": "a.mp4"})
        assert (await desk.append("alice", upload.id, 0, pieces(b"0123", b"45")))[1] == 6
        with pytest.raises(UploadUnfinished):
            await desk.whole("alice", upload.id)
        assert (await desk.append("alice", upload.id, 6, pieces(b"6789")))[1] == 10
        whole, blob = await desk.whole("alice", upload.id)
        assert b"".join(library.read(blob.address)) == b"0123456789"
        assert whole.announced == {"filename": "a.mp4"}
        assert (await desk.look("alice", upload.id))[1] == 10

    asyncio.run(story())


def test_an_upload_without_bytes_is_whole_at_once(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 0, {})
        assert (await desk.whole("alice", upload.id))[1].size_bytes == 0

    asyncio.run(story())


def test_what_came_before_the_client_left_counts(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 10, {})
        with pytest.raises(RequestCancelled):
            await desk.append("alice", upload.id, 0, pieces(b"0123", then=client_leaves))
        assert (await desk.look("alice", upload.id))[1] == 4

    asyncio.run(story())


def test_a_piece_with_a_checksum_counts_whole_or_not_at_all(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 10, {})
        await desk.append("alice", upload.id, 0, pieces(b"01"))
        with pytest.raises(ChecksumMismatch):
            await desk.append("alice", upload.id, 2, pieces(b"23"), sha1(b"xx"))
        assert (await desk.look("alice", upload.id))[1] == 2
        with pytest.raises(RequestCancelled):
            await desk.append("alice", upload.id, 2, pieces(b"23", then=client_leaves), sha1(b"23"))
        assert (await desk.look("alice", upload.id))[1] == 2
        assert (await desk.append("alice", upload.id, 2, pieces(b"2", b"3"), sha1(b"23")))[1] == 4

    asyncio.run(story())


def test_another_offset_is_a_conflict_and_changes_nothing(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 10, {})
        await desk.append("alice", upload.id, 0, pieces(b"0123"))
        for offset in (0, 3, 5):
            with pytest.raises(UploadConflict):
                await desk.append("alice", upload.id, offset, pieces(b"xx"))
        assert (await desk.look("alice", upload.id))[1] == 4

    asyncio.run(story())


def test_more_than_was_announced_is_refused_and_the_rest_can_still_come(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 4, {})
        with pytest.raises(MalformedRequest):
            await desk.append("alice", upload.id, 0, pieces(b"01", b"234"))
        assert (await desk.append("alice", upload.id, 2, pieces(b"23")))[1] == 4

    asyncio.run(story())


def test_a_later_request_takes_over_from_one_whose_connection_hangs(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 10, {})
        arrived, never = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            arrived.set()
            await never.wait()

        hanging = asyncio.create_task(desk.append("alice", upload.id, 0, pieces(b"0123", then=hang)))
        await arrived.wait()
        assert (await desk.look("alice", upload.id))[1] == 4
        assert (await desk.append("alice", upload.id, 4, pieces(b"456789")))[1] == 10
        with pytest.raises(UploadConflict):
            await hanging
        assert not hanging.cancelled()

    asyncio.run(story())


def test_a_restarted_server_goes_on_where_the_file_ends(make_desk: MakeDesk) -> None:
    async def story() -> None:
        upload = await make_desk().create("alice", 10, {})
        await make_desk().append("alice", upload.id, 0, pieces(b"0123"))
        again = make_desk()
        assert (await again.look("alice", upload.id))[1] == 4
        await again.append("alice", upload.id, 4, pieces(b"456789"))
        assert (await make_desk().whole("alice", upload.id))[1].size_bytes == 10

    asyncio.run(story())


def test_a_server_that_died_between_keeping_the_file_and_saying_so_has_it(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        desk = make_desk()
        upload = await desk.create("alice", 4, {})
        with monkeypatch.context() as patch:
            extend = desk._rows.extend

            def die(found: object, **more: object) -> object:
                if more:
                    raise ZeroDivisionError
                return extend(found)  # type: ignore[arg-type]

            patch.setattr(desk._rows, "extend", die)
            with pytest.raises(ZeroDivisionError):
                await desk.append("alice", upload.id, 0, pieces(b"0123"))
        again = make_desk()
        assert (await again.look("alice", upload.id))[1] == 4
        assert (await again.whole("alice", upload.id))[1].size_bytes == 4

    asyncio.run(story())


def test_an_upload_is_unknown_to_every_other_key(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 4, {})
        for doing in (
            desk.look("bob", upload.id),
            desk.append("bob", upload.id, 0, pieces(b"0")),
            desk.terminate("bob", upload.id),
            desk.whole("bob", upload.id),
        ):
            with pytest.raises(UploadUnknown):
                await doing

    asyncio.run(story())


def test_a_job_keeps_what_it_was_given_when_the_upload_is_gone(
    desk: UploadDesk, library: BlobLibrary, database: Database, clock: Clock
) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 4, {})
        await desk.append("alice", upload.id, 0, pieces(b"0123"))
        whole, blob = await desk.whole("alice", upload.id)
        with database.writing() as connection:
            desk.use(connection, whole, owner="job-1", role="input")
        await desk.terminate("alice", upload.id)
        clock.turn(days=3)
        library.collect()
        library.verify(blob.address)
        library.let_go("job-1")
        clock.turn(days=3)
        library.collect()
        with pytest.raises(BlobMissing):
            library.find(blob.address)

    asyncio.run(story())


def test_what_is_past_its_time_is_gone_with_its_bytes(desk: UploadDesk, clock: Clock, tmp_path: Path) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 4, {})
        await desk.append("alice", upload.id, 0, pieces(b"01"))
        clock.turn(hours=23)
        await desk.append("alice", upload.id, 2, pieces(b"2"))  # its time begins anew
        clock.turn(hours=23)
        assert await desk.expire() == 0
        clock.turn(hours=2)
        with pytest.raises(UploadExpired):
            await desk.look("alice", upload.id)
        assert await desk.expire() == 1
        with pytest.raises(UploadUnknown):
            await desk.look("alice", upload.id)
        assert not list((tmp_path / "blobs" / ".staging" / "uploads").iterdir())

    asyncio.run(story())


def test_bounds_of_a_key_hold_when_an_upload_is_announced(desk: UploadDesk) -> None:
    async def story() -> None:
        with pytest.raises(MediaTooLarge):
            await desk.create("alice", (8 << 20) + 1, {})
        await desk.create("alice", 6 << 20, {})
        with pytest.raises(QuotaExceeded):  # what is announced counts
            await desk.create("alice", 5 << 20, {})
        await desk.create("bob", 5 << 20, {})
        for _ in range(2):
            await desk.create("alice", 1, {})
        with pytest.raises(QuotaExceeded):
            await desk.create("alice", 1, {})

    asyncio.run(story())


def test_a_server_that_stops_ends_what_is_sent_and_keeps_what_came(desk: UploadDesk) -> None:
    async def story() -> None:
        upload = await desk.create("alice", 10, {})
        arrived, never = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            arrived.set()
            await never.wait()

        sending = asyncio.create_task(desk.append("alice", upload.id, 0, pieces(b"0123", then=hang)))
        await arrived.wait()
        desk.close()
        with pytest.raises(ShuttingDown):
            await sending
        assert (await desk.look("alice", upload.id))[1] == 4

    asyncio.run(story())
