"""The body of one request between the socket and whoever reads it: pieces, exactly as they came."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]

HIGH_WATER_BYTES = 1 << 20
"""Unread bytes at which the socket is not read any more: the client waits, and nobody's memory fills."""


class Flow(Protocol):
    """The connection's reading, as far as this file needs it."""

    def pause_reading(self) -> None:
        """Reads no more for now."""

    def resume_reading(self) -> None:
        """Reads on."""


class Inbox:
    """Filled by the protocol, emptied by one reader."""

    __slots__ = (
        "_flow",
        "_loop",
        "_pieces",
        "_unread_bytes",
        "_waiter",
        "go_ahead",
        "is_broken",
        "is_complete",
    )

    def __init__(self, flow: Flow, loop: asyncio.AbstractEventLoop) -> None:
        self._flow = flow
        self._loop = loop
        self._pieces: deque[bytes] = deque()
        self._unread_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self.is_complete = False
        """Nothing comes after what is here."""
        self.is_broken = False
        """The client went away before."""
        self.go_ahead: Callable[[], None] | None = None
        """Says `100 Continue`, where the client waits for it."""

    @property
    def has_news(self) -> bool:
        """Whether `take` has something."""
        return bool(self._pieces)

    def put(self, piece: bytes) -> None:
        """From the socket."""
        self._pieces.append(piece)
        self._unread_bytes += len(piece)
        if self._unread_bytes > HIGH_WATER_BYTES:
            self._flow.pause_reading()
        self._wake()

    def complete(self) -> None:
        """That was all."""
        self.is_complete = True
        self._wake()

    def break_off(self) -> None:
        """The connection is gone."""
        self.is_broken = not self.is_complete
        self._wake()

    def take(self) -> bytes:
        """The next piece; empty where there is none."""
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._unread_bytes -= len(piece)
        if self._unread_bytes <= HIGH_WATER_BYTES:
            self._flow.resume_reading()
        return piece

    async def wait(self) -> None:
        """Until there is a piece, or nothing more comes."""
        if self.go_ahead is not None:
            self.go_ahead()
            self.go_ahead = None
        if self._pieces or self.is_complete or self.is_broken:
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class ReceivedInbox:
    """The same over plain ASGI, under a server that is not ours."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._piece: bytes | None = None
        self.is_complete = False
        self.is_broken = False

    @property
    def has_news(self) -> bool:
        """Whether `take` has something."""
        return self._piece is not None

    def take(self) -> bytes:
        """The next piece; empty where there is none."""
        piece, self._piece = self._piece, None
        return piece or b""

    async def wait(self) -> None:
        """Until there is a piece, or nothing more comes."""
        message = await self._receive()
        if message["type"] != "http.request":
            self.is_broken = True
            return
        self._piece = message.get("body", b"")
        self.is_complete = not message.get("more_body", False)
