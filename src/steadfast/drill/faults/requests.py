"""Faults that clients bring: too many of them, slow ones, and bodies that no honest program sends."""

import asyncio
from contextlib import suppress

from steadfast.drill.client import Ask, Endpoint
from steadfast.drill.fault import Expectation, Fault, Group, Scene

_SLOW_CLIENTS = 200
_TOO_MUCH = ("overloaded", "rate_limited", "deadline_exceeded")


class Overload(Fault):
    """Clients do not slow down because they are refused."""

    name = "overload"
    what = "Ten times as many requests come, whatever becomes of those before."
    group = Group.TRAFFIC
    lasts_s = 15.0

    async def inject(self, scene: Scene) -> None:
        """From now on."""
        scene.traffic.factor = 10.0

    async def heal(self, scene: Scene) -> None:
        """As before."""
        scene.traffic.factor = 1.0

    def expect(self) -> Expectation:
        """What cannot be done is refused at once and says when to come again."""
        return Expectation(
            signs=("refusal:overloaded", "refusal:rate_limited", "incident:saturation"),
            detect_within_s=15.0,
            refusals=_TOO_MUCH,
            side_signs=("latency_regression", "stuck_queue"),
        )


class SlowClients(Fault):
    """Half of them are slow in the head, half in the body."""

    name = "slow-clients"
    what = "200 clients send one byte per second each."
    group = Group.TRAFFIC
    lasts_s = 12.0

    async def inject(self, scene: Scene) -> None:
        """They come back when they are cut."""
        request = scene.materials.swap()
        for number in range(_SLOW_CLIENTS):
            scene.begin(drip(scene.house.endpoint, request, in_the_body=number % 2 == 0, for_s=self.lasts_s))

    def expect(self) -> Expectation:
        """Normal clients do not notice."""
        return Expectation()


class HalfOpen(Fault):
    """As when a router between has forgotten them."""

    name = "half-open-connections"
    what = "200 connections are opened, send half a request, and never another word."
    group = Group.TRAFFIC
    lasts_s = 12.0

    async def inject(self, scene: Scene) -> None:
        """And nobody ever closes them."""
        request = scene.materials.swap()
        content = request.head(scene.house.endpoint) + request.body
        for _ in range(_SLOW_CLIENTS):
            scene.begin(go_silent(scene.house.endpoint, content[: len(content) // 2], self.lasts_s))

    def expect(self) -> Expectation:
        """Normal clients do not notice."""
        return Expectation()


class GiantHeaders(Fault):
    """A cookie that has grown, or somebody who tries."""

    name = "giant-headers"
    what = "Requests come with a megabyte of headers."
    group = Group.TRAFFIC

    async def inject(self, scene: Scene) -> None:
        """Four of them."""
        headers = tuple((f"x-giant-{number}", "x" * 8000) for number in range(128))
        for _ in range(4):
            scene.send(Ask(path="/v1/faces", body=b"", headers=headers), within_s=15.0)

    def expect(self) -> Expectation:
        """431, and the connection ends."""
        # Who still sends when the server hangs up may find its answer lost on the way: TCP, not the service.
        return Expectation(signs=("carrier:431",), detect_within_s=5.0, carriers=("431", "lost"))


class DecompressionBomb(Fault):
    """What it would take in memory stands in its head."""

    name = "decompression-bomb"
    what = "A picture of 900 megapixels comes in a hundred kilobytes."
    group = Group.TRAFFIC

    async def inject(self, scene: Scene) -> None:
        """As the target of a swap, and alone."""
        scene.send(scene.materials.swap(target=scene.materials.big_photo))
        scene.send(Ask(path="/v1/faces", body=scene.materials.big_photo))

    def expect(self) -> Expectation:
        """413 before a byte of it is decoded."""
        return Expectation(signs=("carrier:413",), detect_within_s=10.0, carriers=("413",))


class MalformedMultipart(Fault):
    """Truncated, without its border, with a part that has no name."""

    name = "malformed-multipart"
    what = "Forms come that are no forms: cut off, without a border, with parts that have no name."
    group = Group.TRAFFIC

    async def inject(self, scene: Scene) -> None:
        """One of each."""
        whole = scene.materials.swap()
        kind = whole.headers[0]
        for body, content_type in (
            (whole.body[: len(whole.body) // 2], kind),
            (whole.body, ("content-type", "multipart/form-data")),
            (whole.body, ("content-type", "multipart/form-data; boundary=another")),
            (whole.body.replace(b'name="target"', b"nameless"), kind),
            (b"\0" * 4096, kind),
        ):
            scene.send(Ask(path=whole.path, body=body, headers=(content_type,)), within_s=20.0)

    def expect(self) -> Expectation:
        """400, each of them, or 415."""
        return Expectation(signs=("carrier:400",), detect_within_s=10.0, carriers=("400", "415", "422"))


async def drip(endpoint: Endpoint, request: Ask, *, in_the_body: bool, for_s: float) -> None:
    """One byte per second for a while; comes back when it is cut."""
    head = request.head(endpoint)
    begin, content = (head, request.body) if in_the_body else (b"", head)
    with suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            while True:
                await _drip_once(endpoint, begin, content)


async def _drip_once(endpoint: Endpoint, begin: bytes, content: bytes) -> None:
    try:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=endpoint.tls)
    except OSError:
        await asyncio.sleep(0.5)
        return
    try:
        with suppress(OSError):
            writer.write(begin)
            for position in range(len(content)):
                writer.write(content[position : position + 1])
                await writer.drain()
                await asyncio.sleep(1.0)
                if writer.transport.is_closing():
                    break
    finally:
        writer.close()


async def go_silent(endpoint: Endpoint, words: bytes, for_s: float) -> None:
    """Sends some bytes and holds the connection."""
    try:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=endpoint.tls)
    except OSError:
        return
    try:
        writer.write(words)
        await asyncio.sleep(for_s)
    finally:
        writer.close()


FAULTS: tuple[type[Fault], ...] = (
    Overload,
    SlowClients,
    HalfOpen,
    GiantHeaders,
    DecompressionBomb,
    MalformedMultipart,
)
