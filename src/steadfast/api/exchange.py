"""One request and its answer, as routes see them: straight from our own connection, or over plain ASGI."""

import string
from collections.abc import AsyncIterator, Iterable
from random import getrandbits
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from steadfast.api.inbox import Inbox, Receive, ReceivedInbox
from steadfast.api.problem import problem_of
from steadfast.api.reply import AsgiReply, Header, Reply, Send
from steadfast.errors import KeyRefused, SteadfastError

if TYPE_CHECKING:
    from steadfast.api.connection import Connection

_ID_CHARACTERS = frozenset((string.ascii_letters + string.digits + "-_.:+/=@").encode())
_MAX_ID_BYTES = 128
_TRACEPARENT_BYTES = 55


class Exchange:
    """What a route is given."""

    __slots__ = (
        "_query",
        "_query_string",
        "_reply",
        "address",
        "code",
        "connection",
        "headers",
        "inbox",
        "method",
        "noted",
        "path",
        "request_id",
        "started",
        "status",
    )

    def __init__(
        self,
        *,
        method: str,
        path: str,
        query_string: bytes,
        headers: dict[bytes, bytes],
        address: str,
        inbox: Inbox | ReceivedInbox,
        reply: Reply,
        connection: "Connection | None" = None,
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        """By name in small letters; the last one where a name comes twice."""
        self.address = address
        """Of the client, as far as the trusted proxies tell it."""
        self.inbox = inbox
        self.connection = connection
        """None under an ASGI server that is not ours."""
        self.request_id = _request_id(headers.get(b"x-request-id"))
        self.started = False
        """Whether an answer has begun; a second one would be garbage on the wire."""
        self.status = 0
        self.code: str | None = None
        """Of the error that was answered."""
        self.noted: dict[str, Any] = {}
        """What the log should say of it."""
        self._reply = reply
        self._query_string = query_string
        self._query: dict[str, str] | None = None

    @classmethod
    def over_asgi(cls, scope: dict[str, Any], receive: Receive, send: Send) -> "Exchange":
        """The same under another server."""
        client = scope.get("client")
        return cls(
            method=scope["method"],
            path=scope["path"],
            query_string=scope.get("query_string", b""),
            headers=dict(scope["headers"]),
            address=client[0] if client else "",
            inbox=ReceivedInbox(receive),
            reply=AsgiReply(send),
        )

    @property
    def query(self) -> dict[str, str]:
        """Of the URL; the last one where a name comes twice."""
        if self._query is None:
            text = self._query_string.decode("latin-1")
            self._query = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        return self._query

    @property
    def traceparent(self) -> str:
        """The caller's trace (W3C Trace Context), or nothing."""
        value = self.headers.get(b"traceparent", b"")
        return value.decode("ascii", "ignore") if len(value) == _TRACEPARENT_BYTES else ""

    def close_after(self) -> None:
        """Ends the connection after the answer, and tells the client so."""
        self._reply.keep_alive = False

    async def answer(
        self, status: int, content_type: bytes, body: bytes | memoryview, headers: Iterable[Header] = ()
    ) -> None:
        """Sends the whole answer."""
        self.started, self.status = True, status
        every = [(b"content-type", content_type), (b"x-request-id", self.request_id), *headers]
        await self._reply.whole(status, every, body)

    async def answer_stream(
        self,
        content_type: bytes,
        pieces: AsyncIterator[bytes],
        *,
        status: int = 200,
        headers: Iterable[Header] = (),
        size_bytes: int | None = None,
    ) -> None:
        """Sends pieces as they come, until there are no more or the client goes; `size_bytes`: of all.

        Where they break off the connection does, too: a part must not look like the whole.
        """
        self.started, self.status = True, status
        every = [(b"content-type", content_type), (b"x-request-id", self.request_id), *headers]
        await self._reply.begin(status, every, size_bytes)
        try:
            async for piece in pieces:
                await self._reply.piece(piece)
        except BaseException:
            self._reply.break_off()
            raise
        await self._reply.end()

    async def answer_json(self, document: Any, *, status: int = 200, headers: Iterable[Header] = ()) -> None:
        """Sends a document."""
        await self.answer(status, b"application/json", msgspec.json.encode(document), headers)

    async def answer_text(self, text: str, *, status: int = 200, content_type: bytes = b"text/plain") -> None:
        """Sends text."""
        await self.answer(status, content_type + b"; charset=utf-8", text.encode())

    async def refuse(self, error: SteadfastError, headers: Iterable[Header] = ()) -> None:
        """Sends an error as a problem document (RFC 9457)."""
        self.code = error.code
        more = list(headers)
        if (retry_after_s := getattr(error, "retry_after_s", None)) is not None:
            more.append((b"retry-after", b"%d" % max(1, -int(-retry_after_s // 1))))
        if isinstance(error, KeyRefused):
            more.append((b"www-authenticate", b'Bearer realm="steadfast"'))
        body = msgspec.json.encode(problem_of(error, self.request_id.decode()))
        await self.answer(error.status, b"application/problem+json", body, more)


def _request_id(given: bytes | None) -> bytes:
    """The caller's own, if it is harmless in a log, else a new one."""
    if given and len(given) <= _MAX_ID_BYTES and _ID_CHARACTERS.issuperset(given):
        return given
    return new_request_id()


def new_request_id() -> bytes:
    """A name for a request that has none."""
    return b"%016x" % getrandbits(64)  # it names a request and guards nothing
