"""What happens to a job is told as it happens, and to nobody who is gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from tests.virtual_time import run_in_virtual_time

from steadfast.api.backend import Backend
from steadfast.api.job_stream import as_server_sent, beating, over_web_socket
from steadfast.api.web_socket import WebSocket
from steadfast.jobs.port import HistoryEntry

AT = datetime(2026, 11, 20, 12, 0, 0, 5000, tzinfo=UTC)


def entry(number: int, kind: str = "state", **data: Any) -> HistoryEntry:
    return HistoryEntry(id=number, kind=kind, at=AT, data=data)


class Watched:
    """Entries that come with pauses; knows whether it was left in order."""

    def __init__(self, *coming: HistoryEntry | float) -> None:
        self.coming = coming
        self.was_closed = False

    async def __call__(self) -> AsyncIterator[HistoryEntry]:
        try:
            for one in self.coming:
                if isinstance(one, HistoryEntry):
                    yield one
                else:
                    await asyncio.sleep(one)
        finally:
            self.was_closed = True


def backend() -> Backend:
    return cast("Backend", SimpleNamespace(stopping=False))


def test_silence_is_broken_by_a_beat_and_the_end_of_the_job_is_the_end() -> None:
    async def test() -> None:
        watched = Watched(entry(1), 16.0, entry(2))
        heard = [one and one.id async for one in beating(backend(), watched())]
        assert heard == [1, None, 2]

    run_in_virtual_time(test())


def test_a_service_that_stops_ends_it_though_nothing_happens() -> None:
    async def test() -> None:
        house, watched = backend(), Watched(entry(1), 3600.0)
        heard = []
        async for one in beating(house, watched()):
            heard.append(one)
            house.stopping = True
        assert len(heard) == 1
        assert watched.was_closed, "nobody watches in vain"

    run_in_virtual_time(test())


async def served(*entries: HistoryEntry | None, is_own: bool = True) -> str:
    async def told() -> AsyncIterator[HistoryEntry | None]:
        for one in entries:
            yield one

    return b"".join([piece async for piece in as_server_sent("job-1", told(), is_own=is_own)]).decode()


def test_browsers_read_it_and_come_back_where_they_stopped() -> None:
    text = asyncio.run(served(entry(7, state="running"), None, entry(0, "progress", **PROGRESS)))
    retry, state, beat, progress, rest = text.split("\n\n")
    assert (retry, beat, rest) == ("retry: 2000", ": still here", "")
    assert state.startswith('id: 7\nevent: state\ndata: {"job":"job-1","id":7,')
    assert json.loads(state.partition("data: ")[2])["at"] == "2026-11-20T12:00:00.005Z"
    # Progress has no number: nobody goes on behind it.
    assert progress.startswith("event: progress\ndata: ")
    assert json.loads(progress.partition("data: ")[2])["data"]["share"] == 0.25


def test_sentences_are_for_the_owner() -> None:
    failed = entry(3, state="failed", code="no_face", detail="No face in anna.jpg.")
    assert "anna.jpg" in asyncio.run(served(failed))
    assert "anna.jpg" not in asyncio.run(served(failed, is_own=False))


class Socket:
    """A WebSocket whose client may leave."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        self.pings = 0
        self.was_closed = False

    async def send(self, text: bytes) -> None:
        self.sent.append(json.loads(text))

    def ping(self) -> None:
        self.pings += 1

    async def close(self) -> None:
        self.was_closed = True


def test_a_web_socket_carries_the_same_and_ends_with_the_job() -> None:
    async def test() -> None:
        socket, watched = Socket(), Watched(entry(1), 16.0, entry(2, state="succeeded"))
        entries = beating(backend(), watched())
        await over_web_socket(cast("WebSocket", socket), "job-1", entries, is_own=True)
        assert [one["id"] for one in socket.sent] == [1, 2]
        assert (socket.pings, socket.was_closed) == (1, True)

    run_in_virtual_time(test())


def test_a_client_that_leaves_a_web_socket_is_not_waited_for() -> None:
    async def test() -> None:
        socket, watched = Socket(), Watched(entry(1), 3600.0)
        asyncio.get_running_loop().call_later(2.0, socket.closed.set)
        entries = beating(backend(), watched())
        await over_web_socket(cast("WebSocket", socket), "job-1", entries, is_own=True)
        assert [one["id"] for one in socket.sent] == [1]
        assert socket.was_closed
        assert asyncio.get_running_loop().time() < 100.0

    run_in_virtual_time(test())


PROGRESS = {
    "frames_done": 5, "frames_total": 20, "items_done": 0, "items_failed": 0, "items_total": 1, "share": 0.25,
}  # fmt: skip
