"""What the supervisor costs: an echo through it, beside the standard library's process pool; its takeovers.

    python -m benchmarks.runtime_overhead [--seconds 3] [--workers 1]

Columns: requests/s, the server process's CPU per request, p50 and p99 in ms. The pool pickles and has no
deadline, no retry and no answer to a death. Takeover: from the SIGKILL of the busy worker to the start of the
retried request on the spare.
"""

import argparse
import asyncio
import os
import signal
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.echo_task import Echo
from steadfast.events import Event, subscribe
from steadfast.runtime.events import RequestRetried
from steadfast.runtime.options import Device, PoolOptions, WorkerOptions
from steadfast.runtime.states import WorkerState
from steadfast.runtime.supervisor import Employment, Supervisor
from steadfast.task import TaskSpec

ROOT = str(Path(__file__).resolve().parents[1])
SMALL, LARGE = 100, 1_000_000


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    per_second: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        figures = f"{self.per_second:>9.0f}{self.cpu_ms:>10.3f}{self.p50_ms:>9.2f}{self.p99_ms:>9.2f}"
        return f"{self.name:<34}{figures}"


async def measure(name: str, once: Callable[[], Awaitable[object]], clients: int, seconds: float) -> Row:
    """Has `clients` call `once` again and again for `seconds`."""
    times_s: list[float] = []
    await asyncio.gather(*(once() for _ in range(clients)))
    until_s = time.perf_counter() + seconds

    async def client() -> None:
        while (began_s := time.perf_counter()) < until_s:
            await once()
            times_s.append(time.perf_counter() - began_s)

    cpu_s, began_s = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    cuts = statistics.quantiles(times_s, n=100)
    return Row(
        name=name,
        per_second=len(times_s) / took_s,
        cpu_ms=cpu_s / len(times_s) * 1000,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
    )


def employ(workers: int) -> Supervisor:
    """A supervisor of echoing workers and one spare."""
    spec = TaskSpec(name="echo", path="benchmarks.echo_task:EchoTask")
    options = PoolOptions(
        devices=(Device(),) * workers, spares=1, worker=WorkerOptions(python_path=(ROOT,)), canaries=False
    )
    return Supervisor([Employment(spec=spec, options=options)])


async def through_supervisor(seconds: float, workers: int) -> None:
    """Prints the rows of the supervisor."""
    supervisor = employ(workers)
    await supervisor.start(wait_s=20)
    for clients in (1, 16):
        for size in (SMALL, LARGE):
            pieces = [bytes(min(65536, size - at)) for at in range(0, size, 65536)]
            row = await measure(
                f"supervisor {size:>8} B c{clients}",
                lambda pieces=pieces: supervisor.submit("echo", Echo(), [pieces]),  # type: ignore[misc]
                clients,
                seconds,
            )
            print(row, flush=True)
    await supervisor.stop(grace_s=1)


def echo(data: bytes) -> bytes:
    """What a process of the pool does."""
    return data


async def through_pool(seconds: float, workers: int) -> None:
    """Prints the rows of `concurrent.futures.ProcessPoolExecutor`."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for clients in (1, 16):
            for size in (SMALL, LARGE):
                data = bytes(size)
                row = await measure(
                    f"process pool {size:>6} B c{clients}",
                    lambda data=data: loop.run_in_executor(pool, echo, data),  # type: ignore[misc]
                    clients,
                    seconds,
                )
                print(row, flush=True)


async def takeovers(count: int) -> list[float]:
    """Milliseconds from the death of a busy worker to the start of its request on the spare."""
    gaps_ms: list[float] = []
    killed_at_s = 0.0

    def hear(event: Event) -> None:
        if isinstance(event, RequestRetried):
            gaps_ms.append((time.perf_counter() - killed_at_s) * 1000)

    end = subscribe(hear)
    supervisor = employ(1)
    await supervisor.start(wait_s=20)
    for _ in range(count):
        while not supervisor.snapshot().pool("echo").spares_ready:
            await asyncio.sleep(0.01)
        held = [asyncio.ensure_future(supervisor.submit("echo", Echo(), [[bytes(LARGE)]])) for _ in range(8)]
        await asyncio.sleep(0)
        for worker in supervisor.snapshot().pool("echo").workers:
            if worker.state is WorkerState.BUSY:
                killed_at_s = time.perf_counter()
                os.kill(worker.pid, signal.SIGKILL)
        await asyncio.gather(*held)
    await supervisor.stop(grace_s=1)
    end()
    return gaps_ms


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--takeovers", type=int, default=20)
    given = parser.parse_args()
    print(f"{'echo':<34}{'req/s':>9}{'CPU ms':>10}{'p50 ms':>9}{'p99 ms':>9}")
    asyncio.run(through_supervisor(given.seconds, given.workers))
    asyncio.run(through_pool(given.seconds, given.workers))
    gaps_ms = asyncio.run(takeovers(given.takeovers))
    print(f"takeover by the spare: median {statistics.median(gaps_ms):.1f} ms, worst {max(gaps_ms):.1f} ms")


if __name__ == "__main__":
    main()
