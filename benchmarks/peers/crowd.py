"""Clients of the comparison: the same for every server, with nothing sent twice."""

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from tests.chaos.server.traffic import faces

from benchmarks.peers.servers import Running
from steadfast.drill.client import Answer, Client, send

PATIENCE_S = 15.0
"""Time after which a client gives a request up: three deadlines."""
_HEALTH_EVERY_S = 0.25


def words(answer: Answer) -> str:
    """How the page names it."""
    if answer.status <= 0 and answer.took_ms >= PATIENCE_S * 990:
        return "no answer"
    return "connection lost" if answer.status <= 0 else f"{answer.status} {answer.code}".strip()


def counted(answers: Sequence[Answer]) -> dict[str, int]:
    """How many of each."""
    return dict(sorted(Counter(map(words, answers)).items()))


def quantile_ms(answers: Sequence[Answer], percent: int) -> float:
    """Of the times of those that were 200."""
    times = sorted(answer.took_ms for answer in answers if answer.status == 200)
    if not times:
        return float("nan")
    return (
        times[0] if len(times) == 1 else statistics.quantiles(times, n=100, method="inclusive")[percent - 1]
    )


@dataclass(kw_only=True)
class Crowd:
    """Clients that ask again as soon as they are answered. Use it as a context; it stops at its end."""

    server: Running
    clients: int
    requests: Sequence[bytes] = ()
    """Pictures; each client has its own."""
    half_reconnects: bool = False
    """Whether every second client opens a connection for each request: a process that hangs asleep is idle
    and attracts new connections, which clients that keep theirs never notice."""
    answers: list[Answer] = field(default_factory=list)
    _running: list["asyncio.Task[None]"] = field(default_factory=list)
    _stopping: bool = False

    async def __aenter__(self) -> Self:
        pictures = self.requests or faces(16)
        self._running = [
            asyncio.create_task(
                self._client(
                    pictures[number % len(pictures)], reconnects=self.half_reconnects and number % 2 == 1
                )
            )
            for number in range(self.clients)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._running)

    async def _client(self, picture: bytes, *, reconnects: bool) -> None:
        client = Client(self.server.endpoint)
        request = self.server.peer.as_request(picture)
        while not self._stopping:
            answer = await client.send(request, within_s=PATIENCE_S)
            self.answers.append(answer)
            if reconnects:
                await client.close()
            if answer.status != 200:
                await asyncio.sleep(0.1)
        await client.close()

    @property
    def failed(self) -> int:
        """Answers that were not 200."""
        return sum(answer.status != 200 for answer in self.answers)

    def good_between(self, begin_s: float, end_s: float) -> int:
        """Answers of 200 that came in that time of the monotonic clock."""
        return sum(answer.status == 200 and begin_s <= answer.ended_at_s < end_s for answer in self.answers)

    def longest_silence_s(self, since_s: float, until_s: float) -> float:
        """The longest time without any answer of 200."""
        good = sorted(
            a.ended_at_s for a in self.answers if a.status == 200 and since_s < a.ended_at_s < until_s
        )
        moments = [since_s, *good, until_s]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))


@dataclass(kw_only=True)
class HealthWatch:
    """Asks what a load balancer asks, four times a second. Use it as a context."""

    server: Running
    seen: list[tuple[float, int]] = field(default_factory=list)
    """Moments on the monotonic clock and the status; 0: no answer within a second."""
    _task: "asyncio.Task[None] | None" = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            asked_s = time.monotonic()
            self.seen.append((asked_s, await self.server.is_healthy()))
            await asyncio.sleep(_HEALTH_EVERY_S)

    def red_after_s(self, since_s: float) -> float | None:
        """Seconds until it was not green; None: it never was anything else."""
        return next(
            (round(at_s - since_s, 1) for at_s, status in self.seen if at_s > since_s and status != 200), None
        )


async def flood(server: Running, rate_per_s: float, seconds: float) -> list[Answer]:
    """An open loop: requests come at that rate whatever became of those before."""
    pictures = faces(16)
    running: list[asyncio.Task[Answer]] = []
    began_s = time.monotonic()
    while (since_s := time.monotonic() - began_s) < seconds:
        while len(running) < since_s * rate_per_s:
            request = server.peer.as_request(pictures[len(running) % len(pictures)])
            running.append(asyncio.create_task(send(server.endpoint, request, within_s=PATIENCE_S)))
        await asyncio.sleep(0.005)
    return list(await asyncio.gather(*running))
