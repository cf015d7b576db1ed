"""What faults cost those who are not their cause: 16 clients, two workers, one spare.

    python -m benchmarks.runtime_faults [--seconds 20]

Each row runs the same load (work of 10 ms that sleeps, 50 kB each way) while one fault strikes again and
again; the first row is the load alone. `failed` counts requests of the 16 clients. Takeover: from the death
as noticed to the start of the retried request.
"""

import argparse
import asyncio
import os
import resource
import signal
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fault_task import Act
from tests.runtime_house import House, house

from steadfast.errors import DeadlineExceeded, PoisonInput, SteadfastError
from steadfast.runtime.events import RequestRetried, WorkerDied, WorkerRetired
from steadfast.runtime.options import RecycleOptions
from steadfast.runtime.states import WorkerState

CLIENTS = 16
WORK = Act(seconds=0.01)
DATA = [b"x" * 50_000]
HANG_DEADLINE_S = 1.0
MIB = 1 << 20

Fault = Callable[[House, "Load"], Awaitable[str]]


@dataclass
class Load:
    """Sixteen clients that never stop asking, and what they saw."""

    it: House
    seconds: float
    times_ms: list[float] = field(default_factory=list)
    failed: int = 0

    async def client(self, act: Act = WORK) -> None:
        """One of them."""
        until_s = time.monotonic() + self.seconds
        while (began_s := time.monotonic()) < until_s:
            try:
                outcome = await self.it.ask(act, DATA, deadline_s=30)
                self.failed += outcome.blobs[0] != DATA[0]
            except SteadfastError:
                self.failed += 1
            self.times_ms.append((time.monotonic() - began_s) * 1000)


async def nothing(_: House, load: Load) -> str:
    """The load alone."""
    await asyncio.sleep(load.seconds)
    return ""


async def sigkill(it: House, load: Load) -> str:
    """A busy worker is killed every 2 s."""
    until_s = time.monotonic() + load.seconds
    while time.monotonic() < until_s:
        await asyncio.sleep(2)
        for worker in it.pool.workers:
            if worker.state is WorkerState.BUSY:
                os.kill(worker.pid, signal.SIGKILL)
                break
    gaps_ms = [event.gap_ms for event in it.of(RequestRetried)]
    return (
        f"{len(gaps_ms)} takeovers: median {statistics.median(gaps_ms):.1f} ms, worst {max(gaps_ms):.1f} ms"
    )


async def segfault(it: House, load: Load) -> str:
    """A marked input faults natively; it is sent again every second."""
    until_s = time.monotonic() + load.seconds
    answers_ms: list[float] = []
    while time.monotonic() < until_s:
        began_s = time.monotonic()
        try:
            await it.ask(Act(do="segfault"), [b"marked"], deadline_s=30)
        except PoisonInput:
            answers_ms.append((time.monotonic() - began_s) * 1000)
        await asyncio.sleep(1)
    traced = sum("_do_segfault" in death.report.native_traceback for death in it.of(WorkerDied))
    later_ms = max(answers_ms[1:])
    deaths = len(it.of(WorkerDied))
    return f"{len(answers_ms)}x 422 after {deaths} deaths, {traced} traced; later ones in {later_ms:.1f} ms"


async def hang(it: House, load: Load) -> str:
    """An inference that holds the GIL and never returns, every 5 s."""
    until_s = time.monotonic() + load.seconds
    late_ms: list[float] = []
    while time.monotonic() < until_s:
        deaths = len(it.of(WorkerDied))
        asked = asyncio.ensure_future(it.ask(Act(do="hang"), deadline_s=HANG_DEADLINE_S))
        due_s = time.monotonic() + HANG_DEADLINE_S
        try:
            await asked
        except DeadlineExceeded:
            await it.until(lambda deaths=deaths: len(it.of(WorkerDied)) > deaths)  # type: ignore[misc]
            late_ms.append((time.monotonic() - due_s) * 1000)
        await asyncio.sleep(max(0.0, due_s + 4 - time.monotonic()))
    return f"{len(late_ms)} hangs, killed at most {max(late_ms):.0f} ms after their deadline"


async def leak(it: House, load: Load) -> str:
    """One more client whose requests leak 20 MB each."""
    highest = 0
    until_s = time.monotonic() + load.seconds
    while time.monotonic() < until_s:
        await it.ask(Act(do="leak", amount=20 * MIB), [b"x"], deadline_s=30)
        highest = max(highest, *(worker.rss_bytes for worker in it.pool.workers))
        await asyncio.sleep(0.05)
    return f"{len(it.of(WorkerRetired))} replaced, highest {highest >> 20} MiB of 600 (hard 1200)"


async def measure(name: str, fault: Fault, seconds: float) -> None:
    """Prints one row."""
    recycle = RecycleOptions(soft_rss_bytes=600 * MIB, hard_rss_bytes=1200 * MIB)
    async with house(workers=2, spares=1, recycle=recycle) as it:
        await it.full()
        load = Load(it, seconds)
        clients = [asyncio.ensure_future(load.client()) for _ in range(CLIENTS)]
        said = await fault(it, load)
        await asyncio.gather(*clients)
        cuts = statistics.quantiles(load.times_ms, n=100)
        figures = f"{len(load.times_ms) / seconds:>8.0f}{load.failed:>8}{cuts[49]:>9.1f}{cuts[98]:>9.1f}"
        print(f"{name:<12}{figures}   {said}", flush=True)


async def idle(seconds: float) -> None:
    """Prints what supervision costs when nothing is asked."""
    async with house(workers=2, spares=1) as it:
        await it.full()
        before = {pid: _cpu_s(pid) for pid in it.pids()}
        own_s = _own_cpu_s()
        await asyncio.sleep(seconds)
        server = (_own_cpu_s() - own_s) / seconds
        workers = sum(_cpu_s(pid) - cpu_s for pid, cpu_s in before.items()) / seconds
        print(f"idle CPU: server {server:.2%}, three workers together {workers:.2%}")


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cpu_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds: float = parser.parse_args().seconds
    print(f"{'fault':<12}{'req/s':>8}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}")
    rows: list[tuple[str, Fault]] = [
        ("none", nothing), ("SIGKILL", sigkill), ("SIGSEGV", segfault), ("hang", hang), ("leak", leak)
    ]  # fmt: skip
    for name, fault in rows:
        asyncio.run(measure(name, fault, seconds))
    asyncio.run(idle(min(seconds, 10.0)))


if __name__ == "__main__":
    main()
