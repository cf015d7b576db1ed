"""The same swap, clients and faults in other servers: docs/comparison.md and the figures behind it.

    make peers                                    an environment for each, versions pinned (3 GB)
    python -m benchmarks.peers.comparison         all of it, about 45 minutes
    python -m benchmarks.peers.comparison --only steadfast,ray --scenarios kill,leak
    python -m benchmarks.peers.comparison --page  writes the page again from what was measured

Every figure lies in benchmarks/peers/results/SERVER.json as soon as it is measured, so that a run that was
broken off goes on with --only and --scenarios. Servers run one after another, each fault on one of its own.
"""

import argparse
import asyncio
import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from benchmarks.peers import page
from benchmarks.peers.results import FOLDER, Measured, read, write
from benchmarks.peers.scenarios import SCENARIOS, Scenario
from benchmarks.peers.servers import INLINE, PEERS, ROOT, WORKERS, NotServing, Peer, Running, running

_TRIES = 2
"""A server that does not come up on a machine that is busy may come up when it is asked again."""
_BARE = """
import sys, time
from benchmarks.peers.function import SwapFunction, portrait
swap, picture = SwapFunction(), portrait()
swap(picture), swap(picture)
until_s = time.monotonic() + float(sys.argv[1])
calls, cpu_s, began_s = 0, time.process_time(), time.monotonic()
while time.monotonic() < until_s:
    swap(picture)
    calls += 1
print(calls / (time.monotonic() - began_s), (time.process_time() - cpu_s) / calls * 1000)
"""


def measured_now(scenario: str, result: msgspec.Struct) -> Measured:
    """With what a reader needs to judge it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return Measured(
        scenario=scenario,
        figures=msgspec.to_builtins(result),
        day=str(datetime.datetime.now(tz=datetime.UTC).date()),
        commit=commit.stdout.strip(),
        cores=os.cpu_count() or 1,
        machine=f"{platform.machine()}, {platform.system()} {platform.release().split('-')[0]}",
        load=round(os.getloadavg()[0], 1),
        nice=os.nice(0),
    )


class BareCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The function without any server."""

    photos_per_s: dict[str, float]
    """By processes that call it."""
    cpu_ms_per_photo: dict[str, float]


def call_it_bare(seconds: float = 6.0) -> BareCalls:
    """One process, and as many as there are workers."""
    rates, cpu = {}, {}
    for count in (1, WORKERS):
        command = [sys.executable, "-c", _BARE, str(seconds)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
        callers = [
            subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        said = [caller.communicate()[0].split() for caller in callers]
        rates[str(count)] = round(sum(float(words[0]) for words in said), 2)
        cpu[str(count)] = round(sum(float(words[1]) for words in said) / count, 1)
    return BareCalls(photos_per_s=rates, cpu_ms_per_photo=cpu)


async def measure(peer: Peer, wanted: list[Scenario]) -> None:
    """Its scenarios, one after another."""
    async with AsyncExitStack() as stack:
        server: Running | None = None
        for scenario in wanted:
            if server is None:
                folder = stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="sfp-", ignore_cleanup_errors=True)
                )
                server = await stack.enter_async_context(running(peer, Path(folder)))
            began_s = time.monotonic()
            result = await scenario.run(server)
            write(peer.name, measured_now(scenario.name, result))
            took_s = time.monotonic() - began_s
            print(
                f"{peer.name} {scenario.name} ({took_s:.0f} s): {msgspec.json.encode(result).decode()}",
                flush=True,
            )
            if not scenario.leaves_it_whole:
                await stack.aclose()
                server = None


def main() -> None:
    """Measures what is asked for, then writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", help="names of servers, parted by commas; `function`: bare calls"
    )
    parser.add_argument("--scenarios", default="", help="names of scenarios, parted by commas")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    options = parser.parse_args()
    servers = set(filter(None, options.only.split(",")))
    scenarios = set(filter(None, options.scenarios.split(",")))
    if not options.page:
        if (not servers and not scenarios) or "function" in servers:
            write("function", measured_now("bare", call_it_bare()))
        for peer in (*PEERS, INLINE):
            wanted = [one for one in SCENARIOS if not scenarios or one.name in scenarios]
            if peer is INLINE:
                wanted = [one for one in wanted if one.name == "throughput"]
            if servers and peer.name not in servers:
                continue
            if not peer.is_here:
                print(f"{peer.title} is not installed: make peers")
                continue
            for _ in range(_TRIES):
                try:
                    asyncio.run(measure(peer, wanted))
                    break
                except NotServing as error:
                    print(error, flush=True)
    page.write_page({name: read(name) for name in ("function", INLINE.name, *(peer.name for peer in PEERS))})
    print(f"docs/comparison.md is written from {FOLDER.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
