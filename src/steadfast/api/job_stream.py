"""What happens to a job, told as it happens: as server-sent events, or over a WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from steadfast.api.backend import Backend
from steadfast.api.job_answers import entry_document
from steadfast.api.web_socket import WebSocket
from steadfast.jobs.port import HistoryEntry

_LOOK_EVERY_S = 0.5
_BEAT_S = 15.0


async def beating(
    backend: Backend, watched: AsyncIterator[HistoryEntry]
) -> AsyncIterator[HistoryEntry | None]:
    """Entries as they come, and None when there was none for a while; ends when the service stops."""
    silent_s = 0.0
    coming: asyncio.Task[HistoryEntry | None] | None = None
    try:
        while not backend.stopping:
            coming = coming or asyncio.create_task(_next(watched))
            done, _ = await asyncio.wait({coming}, timeout=_LOOK_EVERY_S)
            if done:
                entry, coming, silent_s = coming.result(), None, 0.0
                if entry is None:
                    return
                yield entry
                continue
            silent_s += _LOOK_EVERY_S
            if silent_s >= _BEAT_S:
                silent_s = 0.0
                yield None
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        if isinstance(watched, AsyncGenerator):
            await watched.aclose()


async def _next(watched: AsyncIterator[HistoryEntry]) -> HistoryEntry | None:
    """None: that was all."""
    return await anext(watched, None)


async def as_server_sent(
    job_id: str, entries: AsyncIterator[HistoryEntry | None], *, is_own: bool
) -> AsyncIterator[bytes]:
    """In the form that browsers read (`text/event-stream`)."""
    yield b"retry: 2000\n\n"  # a client that lost the connection comes back after so many milliseconds
    async for entry in entries:
        # A client that is gone is noticed by writing to it.
        yield b": still here\n\n" if entry is None else _event(job_id, entry, is_own=is_own)


async def over_web_socket(
    socket: WebSocket, job_id: str, entries: AsyncIterator[HistoryEntry | None], *, is_own: bool
) -> None:
    """One message each, the same documents; ends when they do, or when the client wants no more."""

    async def send() -> None:
        async for entry in entries:
            if entry is None:
                socket.ping()
            else:
                await socket.send(msgspec.json.encode(entry_document(job_id, entry, is_own=is_own)))

    sending, leaving = asyncio.create_task(send()), asyncio.create_task(socket.closed.wait())
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        sending.cancel()
        await asyncio.wait({sending})
    await socket.close()


def _event(job_id: str, entry: HistoryEntry, *, is_own: bool) -> bytes:
    number = b"id: %d\n" % entry.id if entry.id else b""
    document = msgspec.json.encode(entry_document(job_id, entry, is_own=is_own))
    return number + b"event: " + entry.kind.encode() + b"\ndata: " + document + b"\n\n"
