"""Bodies are bounded in bytes and time, kept in memory up to a bound, and leave nothing behind."""

from pathlib import Path

import pytest
from tests.unit.api.asgi import exchange, run

from steadfast.api.intake import Intake, IntakeLimits, Room
from steadfast.errors import (
    DiskFull,
    MalformedRequest,
    MediaTooLarge,
    Overloaded,
    RequestCancelled,
    SlowClient,
)


def limits(
    *, max_request_bytes: int = 10_000, buffer_bytes: int = 1_000, body_grace_s: float = 5.0
) -> IntakeLimits:
    return IntakeLimits(
        max_request_bytes=max_request_bytes,
        max_parts=4,
        buffer_bytes=buffer_bytes,
        body_grace_s=body_grace_s,
        min_bytes_per_s=1e6,
    )


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(folder=tmp_path, memory_bytes=5_000, disk_bytes=20_000)


def test_a_short_body_stays_in_memory_as_it_came(room: Room) -> None:
    async def read() -> None:
        with Intake(exchange(pieces=[b"ab", b"cd"]), room, limits()) as intake:
            held = await intake.raw()
            assert held.payload == [b"ab", b"cd"]
            assert held.head == b"ab"
            assert room.held_bytes == 4
        assert room.held_bytes == 0

    run(read())


def test_a_long_body_becomes_a_file_and_the_file_goes_with_the_request(room: Room) -> None:
    async def read() -> None:
        pieces = [b"a" * 600, b"b" * 600, b"c" * 600]
        with Intake(exchange(pieces=pieces), room, limits()) as intake:
            held = await intake.raw()
            assert isinstance(held.payload, Path)
            assert held.payload.read_bytes() == b"".join(pieces)
            assert held.payload.stat().st_mode & 0o777 == 0o600
            assert (room.held_bytes, room.filed_bytes) == (0, 1800)
        assert list(room.folder.iterdir()) == []
        assert (room.held_bytes, room.filed_bytes) == (0, 0)

    run(read())


def test_where_memory_is_taken_by_others_a_short_body_goes_to_disk_too(room: Room) -> None:
    async def read() -> None:
        room.held_bytes = 4_999
        with Intake(exchange(pieces=[b"ab"]), room, limits()) as intake:
            assert isinstance((await intake.raw()).payload, Path)

    run(read())


def test_over_the_quota_of_the_scratch_folder_a_request_is_told_to_come_again(room: Room) -> None:
    async def read() -> None:
        room.filed_bytes = 19_000
        with (
            pytest.raises(Overloaded) as refused,
            Intake(exchange(pieces=[b"a" * 1_100]), room, limits()) as intake,
        ):
            await intake.raw()
        assert refused.value.retry_after_s
        assert room.filed_bytes == 19_000

    run(read())


def test_a_scratch_folder_that_takes_nothing_is_a_full_disk(room: Room) -> None:
    async def read() -> None:
        room.folder = room.folder / "gone"
        asked = exchange(pieces=[b"a" * 1_100])
        with pytest.raises(DiskFull), Intake(asked, room, limits()) as intake:
            await intake.raw()

    run(read())


def test_an_announced_length_over_the_limit_is_refused_before_a_byte_is_read(room: Room) -> None:
    async def read() -> None:
        with pytest.raises(MediaTooLarge):
            Intake(exchange(headers={"Content-Length": "10001"}), room, limits())

    run(read())


def test_a_length_that_is_no_number_is_refused(room: Room) -> None:
    async def read() -> None:
        with pytest.raises(MalformedRequest):
            Intake(exchange(headers={"Content-Length": "-1"}), room, limits())

    run(read())


def test_a_body_that_grows_over_the_limit_is_refused_while_it_comes(room: Room) -> None:
    async def read() -> None:
        pieces = (b"x" * 4_000 for _ in range(3))
        with Intake(exchange(pieces=pieces), room, limits()) as intake, pytest.raises(MediaTooLarge):
            await intake.raw()
        assert list(room.folder.iterdir()) == []

    run(read())


def test_a_body_that_stops_coming_is_cut_after_its_grace(room: Room) -> None:
    async def read() -> None:
        silent = exchange(pieces=[], headers={"Content-Length": "5"})
        with Intake(silent, room, limits(body_grace_s=0.01)) as intake, pytest.raises(SlowClient):
            await intake.raw()

    run(read())


def test_a_client_that_goes_away_is_noticed_while_its_body_is_read(room: Room) -> None:
    async def read() -> None:
        asked = exchange(pieces=[b"a"], breaks_off=True)
        with pytest.raises(RequestCancelled), Intake(asked, room, limits()) as intake:
            await intake.raw()
        assert room.held_bytes == 0

    run(read())


def test_what_an_earlier_process_left_is_removed(room: Room) -> None:
    (room.folder / "body-old").write_bytes(b"x")
    room.clear()
    assert list(room.folder.iterdir()) == []


def test_a_body_on_disk_is_for_the_workers_group_and_nobody_else(room: Room) -> None:
    import os

    async def read() -> None:
        room.file_group = os.getgid()
        with Intake(exchange(pieces=[b"a" * 1_100]), room, limits()) as intake:
            file = (await intake.raw()).payload
            assert isinstance(file, Path)
            assert file.stat().st_mode & 0o777 == 0o640

    run(read())
