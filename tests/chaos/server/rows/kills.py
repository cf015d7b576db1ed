"""Row: a busy worker is killed from outside, again and again."""

import asyncio
import os
import random
import signal
import statistics
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import live_service
from tests.chaos.server.traffic import Load

LEAST_KILLS = 3
"""Fewer show nothing."""


@dataclass(frozen=True, kw_only=True)
class Kills:
    """What 16 clients saw."""

    kills: int
    requests: int
    failed: int
    failures: dict[str, int]
    wrong: int
    takeovers_ms: tuple[float, ...]
    p50_ms: float
    p99_ms: float

    @property
    def takeover_ms(self) -> float:
        """Median."""
        return statistics.median(self.takeovers_ms)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.requests} requests, {self.failed} failed{self.failures or ''}, "
            f"{self.wrong} wrong; "
            f"{len(self.takeovers_ms)} takeovers: median {self.takeover_ms:.1f} ms, "
            f"worst {max(self.takeovers_ms):.0f} ms; p50 {self.p50_ms:.0f}, p99 {self.p99_ms:.0f} ms"
        )


async def kill_busy_workers(folder: Path, *, seconds: float, every_s: float = 2.0) -> Kills:
    """SIGKILL to a worker that is at work, every `every_s`; as many workers as the machine has by default."""
    with live_service(folder, workers=max(1, (os.cpu_count() or 1) // 4)) as service:
        load = Load(port=service.port)
        await load.learn()
        now_s = asyncio.get_running_loop().time
        kills, until_s = 0, now_s() + seconds
        async with load:
            # A machine that loads no worker in that time shows nothing; it is given a minute more.
            while now_s() < until_s or (kills < LEAST_KILLS and now_s() < until_s + 60):
                await asyncio.sleep(every_s)
                if busy := service.workers():  # sixteen clients leave no worker idle
                    with suppress(ProcessLookupError):
                        os.kill(random.choice(busy), signal.SIGKILL)
                        kills += 1
        assert len(service.told("worker_died")) >= kills
        return Kills(
            kills=kills,
            requests=len(load.answers),
            failed=load.failed,
            failures=load.failures,
            wrong=load.wrong,
            takeovers_ms=tuple(line["gap_ms"] for line in service.told("request_retried")),
            p50_ms=load.p_ms(50),
            p99_ms=load.p_ms(99),
        )
