"""What the routes of faces decide by themselves."""

from pathlib import Path

import pytest

from steadfast.api.face_routes import is_sampled
from steadfast.api.intake import Held, Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(folder=tmp_path, memory_bytes=1, disk_bytes=1)


def test_the_same_request_is_sampled_always_or_never(room: Room) -> None:
    requests = [[Held(room=room, size_bytes=20_000), Held(room=room, size_bytes=size)] for size in range(500)]
    first = [is_sampled(blobs, 0.1) for blobs in requests]
    assert [is_sampled(blobs, 0.1) for blobs in requests] == first
    assert 20 < sum(first) < 90, "about one in ten"


def test_nothing_is_sampled_where_it_is_switched_off_and_all_where_all_is_asked_for(room: Room) -> None:
    blobs = [[Held(room=room, size_bytes=size)] for size in range(50)]
    assert not any(is_sampled(one, 0.0) for one in blobs)
    assert all(is_sampled(one, 1.0) for one in blobs)
