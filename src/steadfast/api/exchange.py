"""One request and its answer: plain ASGI, because every layer above it would cost each request."""

import string
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from random import getrandbits
from typing import Any, TypeAlias

import msgspec

from steadfast.api.inbox import Inbox, Receive, ReceivedInbox
from steadfast.api.problem import problem_of
from steadfast.errors import KeyRefused, SteadfastError

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

CONNECTION = "steadfast.connection"
"""Where our own protocol puts itself into the scope; absent under another server."""
INBOX = "steadfast.inbox"
"""Where it puts the body."""

_ID_CHARACTERS = frozenset((string.ascii_letters + string.digits + "-_.:+/=@").encode())
_MAX_ID_BYTES = 128
_TRACEPARENT_BYTES = 55

SECURITY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""On every answer: nothing here is a page, and nobody else's page may use it."""


class Exchange:
    """What a route is given."""

    __slots__ = (
        "_query",
        "_send",
        "code",
        "connection",
        "headers",
        "inbox",
        "kept_headers",
        "method",
        "noted",
        "path",
        "request_id",
        "scope",
        "started",
        "status",
    )

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        self._send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.connection = scope.get(CONNECTION)
        self.inbox: Inbox | ReceivedInbox = scope.get(INBOX) or ReceivedInbox(receive)
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.started = False
        """Whether an answer has begun; a second one would be garbage on the wire."""
        self.status = 0
        self.code: str | None = None
        """Of the error that was answered."""
        self.noted: dict[str, Any] = {}
        """What the log should say of it."""
        self.kept_headers: list[Header] = []
        """Added to whatever is answered."""
        self._query: dict[str, str] | None = None

    @property
    def address(self) -> str:
        """Of the client, as far as the trusted proxies tell it."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def query(self) -> dict[str, str]:
        """Of the URL; the last one where a name comes twice."""
        if self._query is None:
            from urllib.parse import parse_qsl  # noqa: PLC0415 — most requests have none

            text = self.scope.get("query_string", b"").decode("latin-1")
            self._query = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        return self._query

    @property
    def traceparent(self) -> str:
        """The caller's trace (W3C Trace Context), or nothing."""
        value = self.headers.get(b"traceparent", b"")
        return value.decode("ascii", "ignore") if len(value) == _TRACEPARENT_BYTES else ""

    async def answer(
        self, status: int, content_type: bytes, body: bytes | memoryview, headers: Iterable[Header] = ()
    ) -> None:
        """Sends the whole answer."""
        self.started, self.status = True, status
        every = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id),
            *SECURITY_HEADERS,
            *headers,
            *self.kept_headers,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": every})
        await self._send({"type": "http.response.body", "body": body})

    async def answer_stream(self, content_type: bytes, pieces: AsyncIterator[bytes]) -> None:
        """Sends pieces as they come, until there are no more or the client goes."""
        self.started, self.status = True, 200
        every = [
            (b"content-type", content_type),
            (b"x-request-id", self.request_id),
            *SECURITY_HEADERS,
            *self.kept_headers,
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": every})
        async for piece in pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

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
    return b"%016x" % getrandbits(64)  # it names a request and guards nothing
