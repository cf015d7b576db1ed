"""Row: ten times more than can be done."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import live_service
from tests.chaos.server.traffic import Answer, Ask, Client, Load, faces, send, swap

TIMES = 10
DEADLINE_S = 2.0
_CALM_CLIENTS = 4
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Overload:
    """What an open loop of too many requests came to."""

    capacity_per_s: float
    """Measured just before and just after, by clients that wait for their answers."""
    offered_per_s: float
    goodput_per_s: float
    statuses: dict[str, int]
    refused_ms: tuple[float, ...]
    """Times of the refusals, sorted."""
    server_rss_mib: tuple[int, int]
    """Before and at its end."""
    first_after_ms: float
    """The first request after the flood, …"""
    calm_ms: float
    """… and the median before it."""

    @property
    def share(self) -> float:
        """Goodput as a part of the capacity."""
        return self.goodput_per_s / self.capacity_per_s

    @property
    def refused_late(self) -> int:
        """Refusals that took longer than 50 ms."""
        return sum(took_ms > 50 for took_ms in self.refused_ms)

    def __str__(self) -> str:
        times = self.refused_ms or (float("nan"),)
        before, after = self.server_rss_mib
        return (
            f"offered {self.offered_per_s:.0f}/s of {self.capacity_per_s:.1f}/s: goodput "
            f"{self.goodput_per_s:.1f}/s ({self.share:.0%}), {self.statuses}; refusals: "
            f"median {times[len(times) // 2]:.1f} ms, p99 {times[int(len(times) * 0.99)]:.1f} ms, "
            f"worst {times[-1]:.0f} ms, {self.refused_late} over 50 ms; server {before} → {after} MiB; "
            f"first request after it {self.first_after_ms:.0f} ms (calm: {self.calm_ms:.0f} ms)"
        )


async def flood(folder: Path, *, seconds: float) -> Overload:
    """Requests come at ten times the capacity, whatever became of those before."""
    with live_service(folder) as service:
        server = service.server
        assert server is not None
        calm = Load(port=service.port, clients=_CALM_CLIENTS)
        calm_s = max(4.0, seconds / 4)
        async with calm:
            await asyncio.sleep(calm_s)
        capacity_per_s = len(calm.answers) / calm_s
        rss_before = server.memory_info().rss // _MIB
        requests = [swap(target, measure="false", deadline_s=DEADLINE_S) for target in faces(16)]
        answers = await _send_at(service.port, requests, TIMES * capacity_per_s, seconds)
        rss_after = server.memory_info().rss // _MIB
        first = await send(service.port, requests[0])
        after = Load(port=service.port, clients=_CALM_CLIENTS)
        async with after:
            await asyncio.sleep(calm_s)
    ended_s = answers[0].sent_at_s + seconds
    good = [answer for answer in answers if answer.status == 200]
    in_time = [answer for answer in good if answer.sent_at_s + answer.took_ms / 1000 <= ended_s]
    return Overload(
        capacity_per_s=(capacity_per_s + len(after.answers) / calm_s) / 2,
        offered_per_s=len(answers) / seconds,
        goodput_per_s=len(in_time) / seconds,
        statuses=dict(Counter(f"{answer.status} {answer.code}".strip() for answer in answers)),
        refused_ms=tuple(sorted(answer.took_ms for answer in answers if answer.status in (429, 503))),
        server_rss_mib=(rss_before, rss_after),
        first_after_ms=first.took_ms if first.status == 200 else float("inf"),
        calm_ms=calm.p_ms(50),
    )


async def _send_at(port: int, requests: list[Ask], rate_per_s: float, seconds: float) -> list[Answer]:
    """An open loop over connections that are kept."""
    free: list[Client] = []
    answers: list[Answer] = []

    async def one(request: Ask) -> None:
        client = free.pop() if free else Client(port)
        answers.append(await client.send(request))
        free.append(client)

    began_s = time.monotonic()
    running: set[asyncio.Task[None]] = set()
    sent = 0
    while (since_s := time.monotonic() - began_s) < seconds:
        while sent < since_s * rate_per_s:
            task = asyncio.create_task(one(requests[sent % len(requests)]))
            running.add(task)
            task.add_done_callback(running.discard)
            sent += 1
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)
    for client in free:
        await client.close()
    return answers
