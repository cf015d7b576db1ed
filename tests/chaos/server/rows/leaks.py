"""Row: a task that leaks 20 MB per request."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.chaos.server.live_service import LiveService, live_service
from tests.chaos.server.marks import marked
from tests.chaos.server.traffic import Load, faces, swap

LEAK_MIB = 20
SOFT_MIB, HARD_MIB = 700, 1200
_EVERY_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """What 16 clients saw whose every request leaks."""

    requests: int
    failed: int
    replaced: int
    killed: int
    """Deaths that nobody wanted."""
    highest_mib: int
    sawtooth_mib: tuple[tuple[float, int], ...]
    """Seconds and resident memory of the largest worker."""
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.failed} failed, {self.replaced} workers replaced, "
            f"{self.killed} killed, highest {self.highest_mib} MiB of {HARD_MIB}; p99 {self.p99_ms:.0f} ms"
        )


async def leak(folder: Path, *, seconds: float) -> Leaks:
    """All requests of all clients leak."""
    limits: dict[str, Any] = {
        "runtime__soft_memory_bytes": SOFT_MIB << 20,
        "runtime__hard_memory_bytes": HARD_MIB << 20,
    }
    with live_service(folder, workers=1, **limits) as service:
        requests = [swap(marked(target, "leak", mib=LEAK_MIB), measure="false") for target in faces(16)]
        load = Load(port=service.port, requests=requests)
        series: list[tuple[float, int]] = []
        async with load:
            began_s = time.monotonic()
            while time.monotonic() - began_s < seconds:
                series.append((round(time.monotonic() - began_s, 1), _largest_mib(service)))
                await asyncio.sleep(_EVERY_S)
        return Leaks(
            requests=len(load.answers),
            failed=load.failed,
            replaced=len(service.told("worker_retired")),
            killed=sum(not line["wanted"] for line in service.told("worker_died")),
            highest_mib=max(mib for _, mib in series),
            sawtooth_mib=tuple(series),
            p99_ms=load.p_ms(99),
        )


def _largest_mib(service: LiveService) -> int:
    sizes = [0]
    for pid in (*service.workers(), *service.workers("spare")):
        try:
            sizes.append(psutil.Process(pid).memory_info().rss >> 20)
        except psutil.NoSuchProcess:
            continue
    return max(sizes)
