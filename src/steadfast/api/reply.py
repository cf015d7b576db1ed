"""An answer on its way out: written straight to the socket, or handed to an ASGI server that is not ours."""

import time
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeAlias

from steadfast.errors import ServiceError

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

SECURITY_HEADERS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""On every answer: nobody else's page may use it, and it is none; what is one brings its own policy."""

_POLICY: Final = b"content-security-policy"
_POLICY_LINE: Final = b"\r\n" + _POLICY + b": "
"""No value can hold it, and no header is before `content-type`."""

_BODILESS: Final = frozenset({204, 304})
_LINES_OF_SECURITY: Final = b"".join(b"%b: %b\r\n" % header for header in SECURITY_HEADERS) + b"\r\n"
_LINES_OF_A_PAGE: Final = (
    b"".join(b"%b: %b\r\n" % header for header in SECURITY_HEADERS if header[0] != _POLICY) + b"\r\n"
)
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
} | {460: b"HTTP/1.1 460 Checksum Mismatch\r\n"}  # of the tus protocol
_JOINED_BYTES: Final = 64 * 1024
"""A body up to this goes out in one piece with its head; a longer one is not worth another copy."""


class Reply(Protocol):
    """What an exchange answers through."""

    keep_alive: bool
    """Whether the connection may be used again."""

    async def whole(self, status: int, headers: Sequence[Header], body: bytes | memoryview) -> None:
        """Sends everything at once."""

    async def begin(self, status: int, headers: Sequence[Header], size_bytes: int | None = None) -> None:
        """Sends the head of an answer that follows in pieces; None: nobody knows its length yet."""

    async def piece(self, data: bytes) -> None:
        """Sends some of it."""

    async def end(self) -> None:
        """That was all."""

    def break_off(self) -> None:
        """It cannot be finished: the client must not take what it has for the whole."""


class Wire(Protocol):
    """The connection, as far as this file needs it."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there to be told."""

    def write(self, data: bytes | memoryview) -> None:
        """Hands over bytes; never waits."""

    async def drained(self) -> None:
        """Until the client has taken most of what was written before."""

    def reply_is_complete(self, reply: "WireReply") -> None:
        """Everything was handed over."""

    def cut(self) -> None:
        """Closes the connection at once."""


class WireReply:
    """HTTP/1.1 on a connection of ours; the bytes are made once, in one piece where they are few."""

    __slots__ = ("_is_chunked", "_is_head", "_wire", "is_complete", "keep_alive")

    def __init__(self, wire: Wire, *, is_head: bool, is_chunked: bool, keep_alive: bool) -> None:
        """`is_head`: a HEAD request, answered without a body; `is_chunked`: the client knows HTTP/1.1."""
        self._wire = wire
        self._is_head = is_head
        self._is_chunked = is_chunked
        self.keep_alive = keep_alive
        self.is_complete = False

    async def whole(self, status: int, headers: Sequence[Header], body: bytes | memoryview) -> None:
        """Sends everything at once."""
        await self._wire.drained()
        if self._wire.is_gone:
            return
        if status not in _BODILESS:  # which have neither body nor length (RFC 9110, 8.6)
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        head = self._head(status, headers)
        if self._is_head:
            self._wire.write(head)
        elif len(body) <= _JOINED_BYTES:
            self._wire.write(head + body)
        else:
            self._wire.write(head)
            self._wire.write(body)
        self._complete()

    async def begin(self, status: int, headers: Sequence[Header], size_bytes: int | None = None) -> None:
        """Sends the head of an answer that follows in pieces; None: nobody knows its length yet."""
        if size_bytes is not None:
            self._is_chunked = False
            headers = [*headers, (b"content-length", b"%d" % size_bytes)]
        elif self._is_chunked:
            headers = [*headers, (b"transfer-encoding", b"chunked")]
        else:
            self.keep_alive = False  # its end is the connection's end
        self._wire.write(self._head(status, headers))

    async def piece(self, data: bytes) -> None:
        """Sends some of it."""
        await self._wire.drained()
        if data and not self._is_head and not self._wire.is_gone:
            self._wire.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    async def end(self) -> None:
        """That was all."""
        if self._wire.is_gone:
            return
        if self._is_chunked and not self._is_head:
            self._wire.write(b"0\r\n\r\n")
        self._complete()

    def break_off(self) -> None:
        """It cannot be finished: the client must not take what it has for the whole."""
        self._wire.cut()

    def _complete(self) -> None:
        self.is_complete = True
        self._wire.reply_is_complete(self)

    def _head(self, status: int, headers: Sequence[Header]) -> bytes:
        return head_of(status, headers if self.keep_alive else [*headers, (b"connection", b"close")])


def head_of(status: int, headers: Sequence[Header]) -> bytes:
    """Status line and headers. Raises `ServiceError` where a value would begin a line of its own."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    # What a worker or a client said stands in some of them.
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ServiceError("A header of the answer would have had more than one line.")
    # A browser obeys every policy at once, so a second one could only forbid more.
    rest = _LINES_OF_A_PAGE if _POLICY_LINE in lines else _LINES_OF_SECURITY
    return _STATUS_LINES[status] + lines + _date() + rest


class _Dated:
    """The `Date` header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def __call__(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._line = second, f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line


_date = _Dated()


class AsgiReply:
    """The same over plain ASGI."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.keep_alive = True

    async def whole(self, status: int, headers: Sequence[Header], body: bytes | memoryview) -> None:
        """Sends everything at once."""
        await self.begin(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self, status: int, headers: Sequence[Header], size_bytes: int | None = None) -> None:
        """Sends the head of an answer that follows in pieces; None: nobody knows its length yet."""
        has_policy = any(name == _POLICY for name, _ in headers)
        every = [*headers, *(one for one in SECURITY_HEADERS if not has_policy or one[0] != _POLICY)]
        if size_bytes is not None:
            every.append((b"content-length", b"%d" % size_bytes))
        if not self.keep_alive:
            every.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": every})

    async def piece(self, data: bytes) -> None:
        """Sends some of it."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """That was all."""
        await self._send({"type": "http.response.body", "body": b""})

    def break_off(self) -> None:
        """The server closes what was begun and never ended."""
