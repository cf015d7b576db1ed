"""Clients on loopback: one question at a time, or sixteen that never stop asking and check every answer."""

import asyncio
import http.client
import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Self

import cv2
import numpy as np

_BORDER = b"steadfast-test-border"
LOST = 0
"""Status of a request that was sent and never answered."""
TURNED_AWAY = -1
"""Status where no connection could be had: nothing was sent, so nothing was lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one request came to."""

    status: int
    """Of HTTP, `LOST` or `TURNED_AWAY`."""
    headers: dict[str, str]
    body: bytes
    sent_at_s: float
    took_ms: float

    def json(self) -> dict[str, Any]:
        """Its body as a document."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def code(self) -> str:
        """Of a problem document."""
        is_problem = self.headers.get("content-type", "").startswith("application/problem+json")
        return str(self.json()["code"]) if is_problem else ""

    @property
    def attempts(self) -> int:
        """Workers that it was given to."""
        return int(self.headers.get("x-steadfast-attempts", "0"))

    @property
    def degraded(self) -> str:
        """What it confesses."""
        return self.headers.get("x-steadfast-degraded", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A request to be sent as often as one likes."""

    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"

    def head(self) -> bytes:
        """Its first lines."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, f"content-length: {len(self.body)}", "", ""]).encode()


def swap(target: bytes, source: bytes | None = None, *, deadline_s: float | None = None, **more: str) -> Ask:
    """A swap; `more` are fields of the form."""
    parts = [_part("source", source or face()), _part("target", target)]
    parts += [_field(name, value) for name, value in more.items()]
    content = (f"multipart/form-data; boundary={_BORDER.decode()}",)
    headers = [("content-type", content[0])]
    if deadline_s is not None:
        headers.append(("x-deadline-ms", str(round(deadline_s * 1000))))
    return Ask(path="/v1/swap", body=b"".join(parts) + b"--" + _BORDER + b"--\r\n", headers=tuple(headers))


def listing(picture: bytes) -> Ask:
    """What faces a picture has."""
    return Ask(path="/v1/faces", body=picture)


def _part(name: str, content: bytes) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'.encode()
    return b"--" + _BORDER + b"\r\n" + head + content + b"\r\n"


def _field(name: str, value: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
    return b"--" + _BORDER + b"\r\n" + head + value.encode() + b"\r\n"


@cache
def face() -> bytes:
    """A small public-domain portrait that ships with the package."""
    return resources.files("steadfast.tasks").joinpath("canary_face.jpg").read_bytes()


@cache
def faces(count: int) -> tuple[bytes, ...]:
    """That portrait, a little brighter each time: inputs that can be told apart, and so can their answers."""
    pixels = cv2.imdecode(np.frombuffer(face(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    lighter = [np.clip(pixels.astype(np.int16) + 2 * step, 0, 255).astype(np.uint8) for step in range(count)]
    return tuple(cv2.imencode(".jpg", each, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for each in lighter)


# --- one at a time -------------------------------------------------------------------------------------


def ask(port: int, method: str, path: str, *, within_s: float = 5.0) -> Answer:
    """One small question; raises OSError where nobody answers."""
    began_s = time.monotonic()
    calling = http.client.HTTPConnection("127.0.0.1", port, timeout=within_s)
    try:
        calling.request(method, path)
        answer = calling.getresponse()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        calling.close()
    took_ms = (time.monotonic() - began_s) * 1000
    return Answer(status=answer.status, headers=headers, body=body, sent_at_s=began_s, took_ms=took_ms)


class Client:
    """A connection that is opened again when it breaks; a request that breaks is not sent twice."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: Ask, *, within_s: float = 150.0) -> Answer:
        """The answer, or that none came."""
        began_s = time.monotonic()
        status, body = TURNED_AWAY, b""
        headers: dict[str, str] = {}
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            status = LOST
            async with asyncio.timeout(within_s):
                status, headers, body = await self._send(request)
        except (OSError, EOFError, TimeoutError, ValueError):
            await self.close()
        took_ms = (time.monotonic() - began_s) * 1000
        return Answer(status=status, headers=headers, body=body, sent_at_s=began_s, took_ms=took_ms)

    async def _send(self, request: Ask) -> tuple[int, dict[str, str], bytes]:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(request.head() + request.body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            await self.close()
        return int(head[0].split()[1]), headers, body

    async def close(self) -> None:
        """Ends the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def send(port: int, request: Ask, *, within_s: float = 60.0) -> Answer:
    """One request on a connection of its own."""
    client = Client(port)
    try:
        return await client.send(request, within_s=within_s)
    finally:
        await client.close()


# --- many ----------------------------------------------------------------------------------------------


PATIENT_S = 120.0
"""Time that the load allows a request: that sixteen clients wait long on a slow machine is no failure."""


@dataclass(kw_only=True)
class Load:
    """Clients that ask again as soon as they are answered. Use it as a context; it stops at its end.

    Every client has a picture of its own; an answer that is not its own swap counts as wrong.
    """

    port: int
    clients: int = 16
    requests: Sequence[Ask] = ()
    pause_s: float = 0.05
    """After an answer that was not 200; who is refused does not ask a thousand times a second."""
    answers: list[Answer] = field(default_factory=list)
    wrong: int = 0
    """Answers of 200 whose bytes were not those that this request gave when nothing was amiss."""
    _right: dict[int, bytes] = field(default_factory=dict)
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _stopping: bool = False

    async def learn(self) -> None:
        """Asks each request once while nothing is amiss: that answer is the right one."""
        self._fill()
        for number, request in enumerate(self.requests):
            answer = await send(self.port, request)
            assert answer.status == 200, (answer.status, answer.body[:300])
            self._right[number] = answer.body

    def again(self, port: int) -> "Load":
        """The same load on another service, which must give the same answers."""
        return Load(port=port, clients=self.clients, requests=self.requests, _right=self._right)

    def _fill(self) -> None:
        if not self.requests:
            # Without the measure of identity a swap costs a worker half, and nothing else is different.
            self.requests = [
                swap(target, measure="false", deadline_s=PATIENT_S) for target in faces(self.clients)
            ]

    async def __aenter__(self) -> Self:
        self._fill()
        self._stopping = False
        self._running = [asyncio.create_task(self._client(number)) for number in range(self.clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._running)

    async def _client(self, number: int) -> None:
        client = Client(self.port)
        number %= len(self.requests)
        while not self._stopping:
            answer = await client.send(self.requests[number])
            self.wrong += answer.status == 200 and answer.body != self._right.get(number, answer.body)
            self.answers.append(answer)
            if answer.status != 200:
                await asyncio.sleep(self.pause_s)
        await client.close()

    # --- what they saw ----------------------------------------------------------------------------------

    @property
    def statuses(self) -> dict[int, int]:
        """How many answers of each status."""
        return dict(sorted(Counter(answer.status for answer in self.answers).items()))

    @property
    def failed(self) -> int:
        """Answers that were not 200."""
        return sum(answer.status != 200 for answer in self.answers)

    @property
    def failures(self) -> dict[str, int]:
        """Those, counted by status and code."""
        failed = (answer for answer in self.answers if answer.status != 200)
        return dict(Counter(f"{answer.status} {answer.code}".strip() for answer in failed))

    def p_ms(self, percent: int) -> float:
        """A percentile of the times of answers that were 200."""
        times = [answer.took_ms for answer in self.answers if answer.status == 200]
        return statistics.quantiles(times, n=100)[percent - 1] if len(times) > 1 else float("nan")
