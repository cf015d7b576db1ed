"""Bodies on their way in: counted, timed, kept in memory up to a bound and on disk beyond it.

The server never looks into what it takes in. Pieces stay as they came from the socket, so that they are
copied once, into a worker's shared memory.
"""

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from steadfast.api.exchange import Exchange
from steadfast.api.inbox import Inbox, ReceivedInbox
from steadfast.errors import (
    DiskFull,
    MalformedRequest,
    MediaTooLarge,
    Overloaded,
    RequestCancelled,
    SlowClient,
)
from steadfast.runtime.ticket import Payload

_WRITE_BYTES = 1 << 20
"""Written to disk in one go, in a thread."""
_ROOM_AGAIN_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class IntakeLimits:
    """What one request may bring, and how slowly."""

    max_request_bytes: int
    max_parts: int
    buffer_bytes: int
    """In memory, of one request."""
    body_grace_s: float
    min_bytes_per_s: float


@dataclass(kw_only=True, slots=True)
class Room:
    """What all bodies together may take; one per service."""

    folder: Path
    """Of the files; workers may read there."""
    memory_bytes: int
    disk_bytes: int
    file_group: int | None = None
    """Of workers that are of another user and must read the files; nobody else may."""
    held_bytes: int = 0
    """In memory now."""
    filed_bytes: int = 0
    """On disk now."""

    def has_memory_for(self, size_bytes: int) -> bool:
        """Whether that much may be kept in memory."""
        return self.held_bytes + size_bytes <= self.memory_bytes

    def take_disk(self, size_bytes: int) -> None:
        """Counts bytes that go to disk. Raises `Overloaded` where the quota is used up."""
        if self.filed_bytes + size_bytes > self.disk_bytes:
            raise Overloaded("The scratch folder is full of other requests.", retry_after_s=_ROOM_AGAIN_S)
        self.filed_bytes += size_bytes

    def clear(self) -> None:
        """Removes what an earlier process left."""
        for file in self.folder.glob("body-*"):
            file.unlink(missing_ok=True)


@dataclass(kw_only=True, slots=True)
class Held:
    """One blob that has come in: pieces in memory, or a file."""

    room: Room
    pieces: list[bytes | memoryview] = field(default_factory=list)
    size_bytes: int = 0
    file: Path | None = None
    head: bytes | memoryview = b""
    """Its first bytes, for whoever reads a size from a header."""
    filename: str = ""
    """As the client called it, in a form."""
    _unwritten_bytes: int = 0

    @property
    def payload(self) -> Payload:
        """As the runtime takes it."""
        return self.file if self.file is not None else self.pieces

    async def add(self, piece: bytes | memoryview, *, may_stay: bool) -> None:
        """Takes a piece; `may_stay`: whether the request is still within its share of memory."""
        self.pieces.append(piece)
        size = len(piece)
        if not self.size_bytes:
            self.head = piece
        self.size_bytes += size
        if self.file is None and may_stay and self.room.has_memory_for(size):
            self.room.held_bytes += size
            return
        if self.file is None:
            self._begin_file()
        else:
            self.room.take_disk(size)
        self._unwritten_bytes += size
        if self._unwritten_bytes >= _WRITE_BYTES:
            await self.flush()

    def _begin_file(self) -> None:
        in_memory = sum(map(len, self.pieces[:-1]))
        self.room.take_disk(self.size_bytes)
        self.room.held_bytes -= in_memory
        self._unwritten_bytes = in_memory
        self.file = self.room.folder / f"body-{secrets.token_hex(12)}"

    async def flush(self) -> None:
        """Writes what is not written yet. Raises `DiskFull`."""
        if self.file is None or not self.pieces:
            return
        pieces, self.pieces, self._unwritten_bytes = self.pieces, [], 0
        try:
            await asyncio.to_thread(_append, self.file, pieces, self.room.file_group)
        except OSError as error:
            raise DiskFull(f"The scratch folder cannot take the request ({error.strerror}).") from error

    def release(self) -> None:
        """Gives everything back."""
        if self.file is not None:
            self.room.filed_bytes -= self.size_bytes
            with suppress(OSError):
                self.file.unlink(missing_ok=True)
        else:
            self.room.held_bytes -= self.size_bytes
        self.pieces, self.size_bytes, self.file, self.head = [], 0, None, b""


class Intake:
    """The body of one request; use it as a context, so that whatever it holds is given back."""

    def __init__(self, exchange: Exchange, room: Room, limits: IntakeLimits) -> None:
        self._exchange = exchange
        self._room = room
        self._limits = limits
        self._held: list[Held] = []
        self._ended = False
        self._began_s = asyncio.get_running_loop().time()
        self.received_bytes = 0
        self.announced_bytes = announced_bytes(exchange)
        if self.announced_bytes > limits.max_request_bytes:
            raise _too_large(limits.max_request_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for held in self._held:
            held.release()

    def hold(self) -> Held:
        """A new blob, given back with the intake."""
        held = Held(room=self._room)
        self._held.append(held)
        return held

    async def raw(self) -> Held:
        """The whole body as one blob."""
        held = self.hold()
        while (piece := await self.next()) is not None:
            if piece:
                await self.keep(held, piece)
        await held.flush()
        return held

    async def keep(self, held: Held, piece: bytes | memoryview) -> None:
        """Adds to a blob."""
        await held.add(piece, may_stay=self.received_bytes <= self._limits.buffer_bytes)

    async def next(self) -> bytes | None:
        """The next piece of the body as it comes; None after the last.

        Raises `MediaTooLarge` over the limit, `SlowClient` below the least rate, `RequestCancelled` when the
        client goes away.
        """
        if self._ended:
            return None
        inbox = self._exchange.inbox
        if not inbox.has_news:
            await self._wait(inbox)
        if inbox.is_broken:
            raise RequestCancelled("The client went away before its request was complete.")
        piece = inbox.take()
        self._ended = inbox.is_complete and not inbox.has_news
        self._count(len(piece))
        return piece

    async def _wait(self, inbox: Inbox | ReceivedInbox) -> None:
        try:
            async with asyncio.timeout_at(self._began_s + self._allowed_s()):
                await inbox.wait()
        except TimeoutError as error:
            rate = self._limits.min_bytes_per_s / 1024
            raise SlowClient(f"The body came more slowly than {rate:.0f} KiB per second.") from error

    def _count(self, size_bytes: int) -> None:
        self.received_bytes += size_bytes
        if self.received_bytes > self._limits.max_request_bytes:
            raise _too_large(self._limits.max_request_bytes)

    def _allowed_s(self) -> float:
        return self._limits.body_grace_s + self.received_bytes / self._limits.min_bytes_per_s


def _append(file: Path, pieces: list[bytes | memoryview], group: int | None) -> None:
    with open(file, "ab", opener=_open_private) as stream:
        if stream.tell() == 0 and group is not None:
            os.fchown(stream.fileno(), -1, group)
            os.fchmod(stream.fileno(), 0o640)
        stream.writelines(pieces)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # never readable by others, not even for a moment


def announced_bytes(exchange: Exchange) -> int:
    """Its Content-Length; 0 where it has none. Raises `MalformedRequest`."""
    given = exchange.headers.get(b"content-length")
    if given is None:
        return 0
    if not given.isdigit():
        raise MalformedRequest("The Content-Length is no number.")
    return int(given)


def _too_large(limit_bytes: int) -> MediaTooLarge:
    return MediaTooLarge(
        f"The request is larger than {limit_bytes / 1e6:.0f} MB.",
        remedy="Make it smaller, or raise STEADFAST_SERVER__MAX_REQUEST_BYTES.",
    )
