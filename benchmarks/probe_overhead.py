"""What looking after oneself costs: all probes, the detector and the record of work, in parts of one core.

    python -m benchmarks.probe_overhead [--looks 500] [--seconds 180]

The first table: processor time of each probe per look and the part of one core that it takes at its interval;
of the detector; of the record that every request passes; and the time of one `/health`, built from what is
cached. The bar: at most 0.5 % of one core together. Measured as processor time of this process, its threads
among it, so other work on the machine disturbs it little. The second table: requests to a service with probes
and to one without, in turns (`paired_latency`; `--seconds 0`: none). The bar: at p99 at most 1 % slower.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.paired_latency import measure_pairs, print_pairs
from steadfast.admission.keys import utc_now
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.health.crash_report import CrashFolder
from steadfast.health.flight_recorder import FlightRecorder
from steadfast.health.incident_store import IncidentStore
from steadfast.health.incidents import IncidentBook
from steadfast.health.observed_runtime import ObservedRuntime
from steadfast.health.probes.contract import Surroundings
from steadfast.health.probes.selection import choose_probes
from steadfast.health.remedies import Healer
from steadfast.health.watch import HealthWatch, Parts
from steadfast.health.work_record import WorkRecord
from steadfast.observability.redaction import Redactor
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState
from steadfast.runtime.ticket import Outcome
from steadfast.settings import DatabaseSettings, HealthSettings

BAR = 0.005


def main() -> int:
    """Measures and prints; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--looks", type=int, default=500, help="looks per probe")
    parser.add_argument("--seconds", type=float, default=180.0, help="of requests in pairs")
    options = parser.parse_args()
    is_light = asyncio.run(measure(options.looks))
    is_unfelt = True
    if options.seconds:
        with tempfile.TemporaryDirectory() as folder:
            is_unfelt = print_pairs(measure_pairs(Path(folder), options.seconds))
    return int(not (is_light and is_unfelt))


async def measure(looks: int) -> bool:
    """One table; whether the bar is held."""
    with tempfile.TemporaryDirectory() as folder:
        watch, close = _watch(Path(folder))
        rows: list[tuple[str, float, float]] = []
        for probe in watch.scheduler.probes:
            await watch.scheduler.look(probe)
            cost_s = await _cost_of_look(watch, probe, looks)
            rows.append((f"probe {probe.name}", cost_s, cost_s / probe.interval_s))
        cost_s = _cost_of(watch.look, looks)
        rows.append(("detector", cost_s, cost_s / HealthSettings().interval_s))
        is_light = _print(rows)
        health_s = _cost_of(lambda: _answer(watch), looks)
        print(f"one /health from cached readings: {health_s * 1e3:.3f} ms (bar 5 ms)")
        print(f"record of one request: {await _cost_of_record(20 * looks) * 1e6:.1f} us")
        close()
    return is_light


def _print(rows: list[tuple[str, float, float]]) -> bool:
    print(f"{'what':28} {'us per look':>12} {'part of a core':>15}")
    for name, cost_s, part in sorted(rows, key=lambda row: -row[2]):
        print(f"{name:28} {cost_s * 1e6:12.1f} {part:15.5%}")
    total = sum(part for *_, part in rows)
    verdict = "holds" if total <= BAR else "MISSED"
    print(f"{'together':28} {'':12} {total:15.5%}  bar {BAR:.1%}: {verdict}")
    return total <= BAR


async def _cost_of_look(watch: HealthWatch, probe: Any, looks: int) -> float:
    began_s = time.process_time()
    for _ in range(looks):
        await watch.scheduler.look(probe)
    return (time.process_time() - began_s) / looks


def _cost_of(call: Callable[[], object], times: int) -> float:
    began_s = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began_s) / times


def _answer(watch: HealthWatch) -> bytes:
    verdict = watch.verdict(_snapshot().pools)
    return msgspec.json.encode({"status": verdict.word.value, "readings": watch.readings()})


class _Instant(InMemoryRuntime):
    """A runtime that costs nothing: what is measured is the wrapper alone."""

    def __init__(self) -> None:
        super().__init__({})
        self._outcome = Outcome(
            fields=b"",
            blobs=(),
            degraded=(),
            cost={"pixels": 1e6},
            worker="w",
            attempts=1,
            waited_ms=0.0,
            worked_ms=20.0,
        )

    async def submit(self, *_: Any, **__: Any) -> Outcome:
        """At once."""
        return self._outcome


class _Empty(msgspec.Struct):
    """No options."""


async def _cost_of_record(times: int) -> float:
    bare, record = _Instant(), WorkRecord(time.monotonic)
    took = []
    for runtime in (bare, ObservedRuntime(bare, record)):
        began_s = time.process_time()
        for _ in range(times):
            await runtime.submit("face_swap", _Empty(), ((b"x",),))
        took.append((time.process_time() - began_s) / times)
    return took[1] - took[0]


def _watch(folder: Path) -> tuple[HealthWatch, Callable[[], None]]:
    database = open_database(database_options(DatabaseSettings(), folder))
    record = WorkRecord(time.monotonic)
    for _ in range(100):
        record.count_work("face_swap", size=1e6, worked_ms=20.0)
    surroundings = Surroundings(
        snapshot=_snapshot,
        clock=time.monotonic,
        folders={"data": folder, "scratch": folder},
        guardian_pid=os.getppid(),
        ping_database=database.ping,
    )
    parts = Parts(
        probes=choose_probes(HealthSettings(), surroundings, record),
        work=record,
        snapshot=_snapshot,
        healer=Healer(InMemoryRuntime({}), tasks=list, snapshot=lambda _: None, leave=lambda _: None),
        book=IncidentBook(utc_now, redact=Redactor("k").value),
        database=database,
        store=IncidentStore(database),
        recorder=FlightRecorder(redact=Redactor("k").value, now=utc_now),
        crashes=CrashFolder(folder / "crashes", most=1, most_bytes=1 << 20),
        clock=time.monotonic,
    )
    return HealthWatch(HealthSettings(), parts), database.close


def _snapshot() -> Snapshot:
    """Eight workers that are this process, so that what is read of them is real."""
    workers = tuple(
        WorkerSnapshot(
            name=f"face_swap-{index}",
            pid=os.getpid(),
            state=WorkerState.BUSY,
            slot="cpu:0",
            device="cpu",
            level=0,
            served=index,
            age_s=100.0,
            silent_s=0.0,
            rss_bytes=200 << 20,
            device_bytes=0,
            retiring=False,
            confinement={},
        )
        for index in range(8)
    )
    pool = PoolSnapshot(
        task="face_swap",
        ready=True,
        why_not="",
        breaker=BreakerState.CLOSED,
        waiting=0,
        busy=8,
        able=8,
        places=8,
        spares_ready=0,
        hangs_in_a_row=0,
        degraded=(),
        poisoned=0,
        last_load_failure="",
        workers=workers,
    )
    return Snapshot(pools=(pool,), stopping=False)


if __name__ == "__main__":
    sys.exit(main())
