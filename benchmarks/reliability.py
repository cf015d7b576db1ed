"""What a running service does under each fault, at full length: the table of docs/reliability.md.

    python -m benchmarks.reliability [--short] [--only kills,leaks,…] [--mirror FOLDER] [--write]

Every row starts `steadfast serve` (guardian, server, workers) with its own data folder and 16 clients on
loopback that swap real faces without pause; faults are real signals and marked pictures. `tests/chaos/server`
holds the same rows in CI, shortened. At full length all rows take about 15 minutes. `--mirror` is a folder of
model files (default: `shared/models` beside the checkout; without it that row is left out). `--write` puts
each line into the table of docs/reliability.md as soon as it is measured, and leaves the others as they are:
a run that was broken off goes on with `--only`.
"""

import argparse
import asyncio
import datetime
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.server.rows import (
    hangs,
    kills,
    leaks,
    leaving,
    memory,
    models,
    mutations,
    native_faults,
    outages,
    overload,
    slow_clients,
)

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = _ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"
_HEAD = "| fault | what was seen | load of the machine before, day |\n|---|---|---|"

Run = Callable[[Path], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    fault: str
    run: Run


def rows(*, full: bool, mirror: Path) -> list[Row]:
    """All of them, at full length or shortened."""

    def long(usual: float, short: float) -> float:
        return usual if full else short

    def killing(at: Path) -> Awaitable[Any]:
        return kills.kill_busy_workers(at, seconds=long(60, 12))

    def poisoning(at: Path) -> Awaitable[Any]:
        return native_faults.send_poison(at, times=int(long(30, 5)))

    def hanging(at: Path) -> Awaitable[Any]:
        return hangs.hang_now_and_then(at, seconds=long(60, 12), do="hang")

    def sleeping(at: Path) -> Awaitable[Any]:
        return hangs.hang_now_and_then(at, seconds=long(60, 12), do="sleep")

    def spoiling(at: Path) -> Awaitable[Any]:
        return models.overwrite_model(at, mirror=mirror)

    def leaking(at: Path) -> Awaitable[Any]:
        return leaks.leak(at, seconds=long(60, 15))

    def flooding(at: Path) -> Awaitable[Any]:
        return overload.flood(at, seconds=long(30, 10))

    def mutating(at: Path) -> Awaitable[Any]:
        return mutations.send_mutations(at, pictures=int(long(1000, 150)), videos=int(long(200, 30)))

    def losing(how: signal.Signals) -> Run:
        return lambda at: outages.lose_the_server(at, how=how, times=int(long(5, 2)))

    def dripping(at: Path) -> Awaitable[Any]:
        return slow_clients.drip(at, seconds=long(30, 8))

    listed: list[tuple[str, str, Run]] = [
        ("kills", "SIGKILL of a busy worker every 2 s", killing),
        ("segfault", "SIGSEGV in native code on one input", poisoning),
        ("hang", "an inference every 5 s that never returns and holds the GIL", hanging),
        ("sleep", "an inference every 5 s that sleeps for ever", sleeping),
        ("readiness", "all workers hang (deadline 3 s)", hangs.hang_everywhere),
        ("crash", "a crash where nothing may be retried", native_faults.crash_without_retry),
        ("address-space", "memory limit by RLIMIT_AS", memory.exhaust_address_space),
        ("cgroup", "memory cgroup shared with the server", memory.exhaust_cgroup),
        ("models", "a model file overwritten with noise", spoiling),
        ("leaks", "20 MB leaked per request", leaking),
        ("overload", "10 × more than capacity", flooding),
        ("mutations", "mutated uploads", mutating),
        ("server-killed", "the server is SIGKILLed", losing(signal.SIGKILL)),
        ("server-blocked", "the server's loop is blocked", losing(signal.SIGUSR2)),
        ("slow-clients", "200 clients of one byte per second", dripping),
        ("sigterm", "SIGTERM under load", leaving.leave_under_load),
    ]
    return [Row(name=name, fault=fault, run=run) for name, fault, run in listed]


def measure(row: Row) -> str:
    """Its figures, or why there are none."""
    load = os.getloadavg()[0]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="steadfast-reliability-") as folder:
        try:
            said = str(asyncio.run(_run(row, Path(folder) / "service")))
        except memory.CapabilityMissing as missing:
            said = f"not shown here: {missing}"
        except AssertionError as failed:
            said = f"FAILED: {str(failed).splitlines()[0]}"
    took_s = time.monotonic() - began_s
    line = f"| {row.fault} | {said} | {load:.1f}, {datetime.datetime.now(tz=datetime.UTC).date()} |"
    print(f"{line}  <!-- {took_s:.0f} s -->", flush=True)
    return line


async def _run(row: Row, folder: Path) -> Any:
    return await row.run(folder)


def write(measured: dict[str, str]) -> None:
    """Puts lines (fault → line) into the page's table; those of rows that were not measured now stay."""
    text = _PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    kept, _, after = rest.partition(_END)
    old = {line.split("|")[1].strip(): line for line in kept.splitlines() if line.startswith("| ")}
    lines = {row.fault: "" for row in rows(full=True, mirror=Path())} | old | measured
    table = [line for fault, line in lines.items() if line and fault != "fault"]
    head = f"{_BEGIN}\nMeasured with {os.cpu_count()} cores.\n\n{_HEAD}\n"
    _PAGE.write_text(before + head + "\n".join(table) + f"\n{_END}" + after, encoding="utf-8")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="the lengths of CI")
    parser.add_argument("--only", default="", help="names of rows, parted by commas")
    parser.add_argument("--mirror", type=Path, default=_ROOT.parent / "shared" / "models")
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    options = parser.parse_args()
    wanted = set(filter(None, options.only.split(",")))
    chosen = [
        row
        for row in rows(full=not options.short, mirror=options.mirror)
        if (not wanted or row.name in wanted) and (row.name != "models" or options.mirror.is_dir())
    ]
    for row in chosen:
        line = measure(row)
        if options.write:  # after each row: a run that is broken off goes on with --only
            write({row.fault: line})


if __name__ == "__main__":
    main()
