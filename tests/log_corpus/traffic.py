"""Requests as servers log them, with durations, waits and memory that behave or do not."""

# ruff: noqa: E501 — lines of programs are as long as they are

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random


@dataclass(frozen=True, kw_only=True)
class Request:
    """One finished request."""

    at_s: float
    task: str
    pixels: int
    queue_ms: float
    infer_ms: float
    memory_mb: float
    worker: str
    status: int = 200

    @property
    def total_ms(self) -> float:
        return self.queue_ms + self.infer_ms + 4.0


RequestFormat = Callable[[Request, Random], str]


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, tz=UTC)


def ours(request: Request, random: Random) -> str:
    return json.dumps(
        {
            "timestamp": _moment(request.at_s).isoformat(),
            "level": "info",
            "event": "request_ended",
            "request_id": f"{random.getrandbits(64):016x}",
            "task": request.task,
            "worker": request.worker,
            "pixels": request.pixels,
            "faces": 1,
            "engine": "standard",
            "degraded": [],
            "queue_ms": round(request.queue_ms, 2),
            "infer_ms": round(request.infer_ms, 2),
            "total_ms": round(request.total_ms, 2),
            "rss_mb": round(request.memory_mb, 1),
            "status": request.status,
        }
    )


def json_access(request: Request, random: Random) -> str:
    return json.dumps(
        {
            "ts": request.at_s,
            "level": "info",
            "msg": "request",
            "method": "POST",
            "path": f"/v2/models/{request.task}/infer",
            "status": request.status,
            "duration_ms": round(request.total_ms, 2),
            "rss_mb": round(request.memory_mb, 1),
            "pid": request.worker,
        }
    )


def nginx(request: Request, random: Random) -> str:
    return (
        f"10.0.0.{random.randrange(2, 250)} - - [{_moment(request.at_s):%d/%b/%Y:%H:%M:%S} +0000] "
        f'"POST /v1/{request.task} HTTP/1.1" {request.status} {random.randrange(2000, 90000)} "-" "python-httpx/0.28" '
        f"rt={request.total_ms / 1e3:.3f}"
    )


def bentoml(request: Request, random: Random) -> str:
    return (
        f"{_moment(request.at_s):%Y-%m-%dT%H:%M:%S}+0000 [INFO] [entry_service:{request.task}:1] 10.0.0.7:{random.randrange(30000, 60000)} "
        f"(scheme=http,method=POST,path=/{request.task},type=image/jpeg,length=81234) (status={request.status},type=application/json,length=42) "
        f"{request.total_ms:.3f}ms (trace={random.getrandbits(64):x},sampled=0)"
    )


def ray_serve(request: Request, random: Random) -> str:
    return (
        f"INFO {_moment(request.at_s):%Y-%m-%d %H:%M:%S},123 default_Model {random.getrandbits(32):x} "
        f"{random.getrandbits(64):x} -- POST /{request.task} {request.status} {request.total_ms:.1f}ms"
    )


def torchserve(request: Request, random: Random) -> str:
    return (
        f"{_moment(request.at_s):%Y-%m-%dT%H:%M:%S},123 [INFO ] epollEventLoopGroup-3-1 ACCESS_LOG - "
        f'/127.0.0.1:{random.randrange(30000, 60000)} "POST /predictions/{request.task} HTTP/1.1" {request.status} {request.total_ms:.0f}'
    )


def gin(request: Request, random: Random) -> str:
    return (
        f"[GIN] {_moment(request.at_s):%Y/%m/%d - %H:%M:%S} | {request.status} | {request.total_ms:>10.3f}ms |"
        f'       127.0.0.1 | POST     "/api/{request.task}"'
    )


def took(request: Request, random: Random) -> str:
    return (
        f"{_moment(request.at_s):%Y-%m-%d %H:%M:%S},123 INFO server: POST /{request.task} {request.status} took {request.total_ms:.1f} ms "
        f"rss={request.memory_mb:.0f}MB pid={request.worker}"
    )


def uvicorn(request: Request, random: Random) -> str:
    return f'INFO:     127.0.0.1:{random.randrange(30000, 60000)} - "POST /{request.task} HTTP/1.1" {request.status} OK'


TIMED: Mapping[str, RequestFormat] = {
    format_.__name__: format_
    for format_ in (ours, json_access, nginx, bentoml, ray_serve, torchserve, gin, took)
}
WITH_MEMORY = ("ours", "json_access", "took")
WITH_QUEUE = ("ours",)


@dataclass(kw_only=True)
class Behaviour:
    """How a service behaves over a log; the default is healthy."""

    median_ms: float
    spread: float
    """Of the logarithm: 0.2 is calm, 0.5 is restless."""
    cycle: float
    """Of day and night: 1.3 is a third more at noon."""
    base_mb: float
    slow_from: float = 2.0
    """Share of the log from which work takes longer; beyond 1: never."""
    slow_to: float = 2.0
    slow_by: float = 1.0
    creep_to: float = 1.0
    """What durations have grown to at the end."""
    leak_mb: float = 0.0
    """Memory gained over the log."""
    jam_from: float = 2.0
    jam_ms: float = 0.0
    pixels: tuple[int, ...] = (307_200, 2_073_600)
    workers: tuple[str, ...] = ("4711",)
    period: int = 400
    sawtooth_mb: float = 40.0

    def request(self, index: int, count: int, at_s: float, random: Random) -> Request:
        """The one at this place."""
        share = index / count
        pixels = random.choice(self.pixels)
        work = self.median_ms * (pixels / 307_200) ** 0.5 * math.exp(random.gauss(0, self.spread))
        work *= 1 + (self.cycle - 1) * math.sin(2 * math.pi * share * 1.5) ** 2
        work *= self.slow_by if self.slow_from <= share <= self.slow_to else 1.0
        work *= 1 + (self.creep_to - 1) * share
        if random.random() < 0.01:
            work *= random.uniform(2, 12)  # stragglers are part of healthy traffic
        queue = random.expovariate(1 / 3.0)
        if share >= self.jam_from:
            queue += self.jam_ms * random.uniform(0.6, 1.4)
        warm = 1 - math.exp(-index / 30)  # caches fill while it warms up
        memory = self.base_mb * (0.7 + 0.3 * warm) + self.leak_mb * share
        memory += self.sawtooth_mb * (index % self.period) / self.period + random.gauss(0, 4)
        return Request(
            at_s=at_s,
            task="face_swap",
            pixels=pixels,
            queue_ms=queue,
            infer_ms=work,
            memory_mb=memory,
            worker=random.choice(self.workers),
            status=random.choices((200, 422, 413), (0.97, 0.02, 0.01))[0],
        )


def healthy(random: Random) -> Behaviour:
    """A service without trouble: some calm, some restless, some with a daily cycle."""
    return Behaviour(
        median_ms=random.choice((18.0, 45.0, 120.0, 400.0)),
        spread=random.uniform(0.08, 0.45),
        cycle=random.uniform(1.0, 1.35),
        base_mb=random.uniform(350, 2200),
        workers=random.choice((("4711",), ("4711", "4712"), ("cpu:0-1", "cpu:1-1", "cpu:2-1"))),
        period=random.choice((23, 60, 150)),
        sawtooth_mb=random.uniform(0, 60),
    )
