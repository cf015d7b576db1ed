"""The arena carries bytes both ways, refuses what does not fit, and cannot be used against the server."""

import os
from collections.abc import Iterator

import pytest

from steadfast.runtime.arena import Arena, ArenaFull
from steadfast.runtime.messages import Slice

PAGE = os.sysconf("SC_PAGE_SIZE")
ROOM = 16 * PAGE


@pytest.fixture
def server() -> Iterator[Arena]:
    arena = Arena.create(request_bytes=ROOM, answer_bytes=ROOM, prefault_bytes=2 * PAGE)
    yield arena
    arena.close()


@pytest.fixture
def worker(server: Arena) -> Iterator[Arena]:
    """The same file, mapped a second time."""
    arena = Arena(os.dup(server.fd), server.request_bytes, server.answer_bytes, 2 * PAGE)
    yield arena
    arena.close()


def test_pieces_of_a_request_arrive_in_order(server: Arena, worker: Arena) -> None:
    place = server.write_request([b"ab", bytearray(b"cd"), memoryview(b"xefx")[1:3]])
    view = worker.view_request(place)
    assert bytes(view) == b"abcdef"
    assert view.readonly
    view.release()


def test_two_blobs_do_not_touch_and_begin_on_whole_cache_lines(server: Arena, worker: Arena) -> None:
    first, second = server.write_request([b"a" * 65]), server.write_request([b"b"])
    assert (first.offset, second.offset) == (0, 128)
    for place, content in ((first, b"a" * 65), (second, b"b")):
        view = worker.view_request(place)
        assert bytes(view) == content
        view.release()


def test_an_answer_is_a_copy_that_later_writing_does_not_change(server: Arena, worker: Arena) -> None:
    place = worker.write_answer(b"first")
    answer = server.read_answer(place)
    worker.reset(answers=True)
    worker.write_answer(b"other")
    assert answer == b"first"


def test_each_dispatch_begins_anew(server: Arena) -> None:
    for _ in range(100):
        server.reset(answers=False)
        assert server.write_request([b"x" * (ROOM - 64)]).offset == 0


def test_what_does_not_fit_is_refused_and_nothing_is_written_over(server: Arena, worker: Arena) -> None:
    place = server.write_request([b"kept"])
    with pytest.raises(ArenaFull):
        server.write_request([b"x" * ROOM])
    view = worker.view_request(place)
    assert bytes(view) == b"kept"
    view.release()
    with pytest.raises(ArenaFull):
        worker.write_answer(b"x" * (ROOM + 1))


@pytest.mark.parametrize(
    "place",
    [
        Slice(0, 10),  # the requests of this very worker
        Slice(ROOM - 1, 2),
        Slice(2 * ROOM - 1, 2),
        Slice(ROOM, 1 << 40),
        Slice(ROOM, -1),
        Slice(-5, 3),
    ],
)
def test_a_forged_place_is_refused(server: Arena, place: Slice) -> None:
    with pytest.raises(ValueError, match="outside"):
        server.read_answer(place)


def test_a_worker_cannot_shrink_the_file_under_the_servers_feet(worker: Arena) -> None:
    for size in (0, 64 * ROOM):
        with pytest.raises(PermissionError):
            os.ftruncate(worker.fd, size)


def test_memory_beyond_the_usual_is_given_back(server: Arena) -> None:
    server.make_present()
    usual = os.fstat(server.fd).st_blocks
    server.write_request([b"x" * (ROOM - 64)])
    assert os.fstat(server.fd).st_blocks > usual
    server.reset(answers=False)
    assert os.fstat(server.fd).st_blocks == usual


def test_sizes_are_rounded_to_whole_pages() -> None:
    arena = Arena.create(request_bytes=1, answer_bytes=PAGE + 1, prefault_bytes=0)
    assert (arena.request_bytes, arena.answer_bytes) == (PAGE, 2 * PAGE)
    arena.close()
