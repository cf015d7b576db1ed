"""An HTTP client of few words for many requests: one at a time per connection, nothing sent twice."""

import asyncio
import json
import ssl
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

_BORDER: Final = b"steadfast-drill-border"
LOST: Final = 0
"""Status of a request that was sent and never answered."""
TURNED_AWAY: Final = -1
"""Status where no connection could be had: nothing was sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a service answers, and with which key."""

    url: str
    key: str = ""

    @property
    def host(self) -> str:
        """Name or address."""
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """As the URL says, or its scheme."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """None: plain HTTP."""
        return ssl.create_default_context() if urlsplit(self.url).scheme == "https" else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A request to be sent as often as one likes."""

    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"

    def head(self, endpoint: Endpoint) -> bytes:
        """Its first lines."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: {endpoint.host}"]
        if endpoint.key:
            lines.append(f"authorization: Bearer {endpoint.key}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, f"content-length: {len(self.body)}", "", ""]).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one request came to."""

    status: int
    """Of HTTP, `LOST` or `TURNED_AWAY`."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent_at_s: float
    """On the monotonic clock."""
    took_ms: float

    @property
    def ended_at_s(self) -> float:
        """On the monotonic clock."""
        return self.sent_at_s + self.took_ms / 1000

    @property
    def is_good(self) -> bool:
        """Whether it was done, or recorded."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """Of a problem document."""
        is_problem = self.headers.get("content-type", "").startswith("application/problem+json")
        return str(self.json().get("code", "")) if is_problem else ""

    @property
    def attempts(self) -> int:
        """Workers that it was given to."""
        return int(self.headers.get("x-steadfast-attempts") or 0)

    @property
    def degraded(self) -> str:
        """What it confesses."""
        return self.headers.get("x-steadfast-degraded", "")

    def without_body(self) -> "Answer":
        """What is worth keeping of thousands of them."""
        kept = {name: text for name, text in self.headers.items() if name.startswith("x-steadfast-")}
        return replace(self, body=b"", headers=kept)

    def json(self) -> dict[str, Any]:
        """Its body as a document; empty where it is none."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def words(self) -> str:
        """Status and code, as tables tell them."""
        names = {LOST: "lost", TURNED_AWAY: "no connection"}
        return names.get(self.status) or f"{self.status} {self.code}".strip()


class Client:
    """A connection that is opened again when it breaks; a request that breaks is not sent twice."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: Ask, *, within_s: float = 60.0) -> Answer:
        """The answer, or that none came."""
        began_s = time.monotonic()
        status, body = TURNED_AWAY, b""
        headers: dict[str, str] = {}
        try:
            async with asyncio.timeout(within_s):
                if self._streams is None or self._streams[0].at_eof():
                    await self.close()
                    place = self._endpoint
                    self._streams = await asyncio.open_connection(place.host, place.port, ssl=place.tls)
                status = LOST
                status, headers, body = await self._send(request)
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError):
            await self.close()
        took_ms = (time.monotonic() - began_s) * 1000
        return Answer(status=status, headers=headers, body=body, sent_at_s=began_s, took_ms=took_ms)

    async def _send(self, request: Ask) -> tuple[int, dict[str, str], bytes]:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(request.head(self._endpoint) + request.body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:])
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return int(head[0].split()[1]), headers, body

    async def close(self) -> None:
        """Ends the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


async def send(endpoint: Endpoint, request: Ask, *, within_s: float = 60.0) -> Answer:
    """One request on a connection of its own."""
    client = Client(endpoint)
    try:
        return await client.send(request, within_s=within_s)
    finally:
        await client.close()


def get(path: str) -> Ask:
    """A question without a body."""
    return Ask(path=path, method="GET")


def document(path: str, content: object) -> Ask:
    """A JSON document."""
    body = json.dumps(content).encode()
    return Ask(path=path, body=body, headers=(("content-type", "application/json"),))


def form(path: str, files: list[tuple[str, bytes]], *headers: tuple[str, str], **fields: str) -> Ask:
    """A multipart form of files, in this order, and fields."""
    parts = [_part(f'name="{name}"; filename="x"', content) for name, content in files]
    parts += [_part(f'name="{name}"', value.encode()) for name, value in fields.items()]
    kind = ("content-type", f"multipart/form-data; boundary={_BORDER.decode()}")
    body = b"".join(parts) + b"--" + _BORDER + b"--\r\n"
    return Ask(path=path, body=body, headers=(kind, *headers))


def _part(disposition: str, content: bytes) -> bytes:
    head = f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode()
    return b"--" + _BORDER + b"\r\n" + head + content + b"\r\n"
