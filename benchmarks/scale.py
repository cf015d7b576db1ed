"""How throughput grows with nodes, and what ends it: 1 to 32 processes that sleep instead of computing.

    python -m benchmarks.scale [--nodes 1,2,4,8,16,32] [--seconds 2] [--keys 16] [--broker redis] [--steps 6]

Each node is a real server process (scheduler, messenger, registry) with one place, on a PostgreSQL and a
broker that the benchmark starts (commits wait for no disk). A step sleeps for `--seconds`, a quarter more or
less by job. Per count:

    steps/s and share   of what that many places could do if nothing but sleep cost time
    cycle ms            p50 of the time from one step's lease to the next on the same place, less the sleep:
                        lease, files, commit, acknowledgement, message
    gap ms              p50 of that part of it in which nobody works: from the commit of one step to the lease
                        of the next
    db ms, tx           processor time of PostgreSQL and its transactions, per step
    idle tx/s           transactions per second and node while nothing waits
    idle ms/s           processor time per second and node, with its messenger, while nothing waits
    node ms             processor time of the nodes and their messengers per step, beside that
    cpu                 of the whole machine that is used; near 100 % the machine is the limit, not the design
    most                statement that sessions of the database were most often seen working or waiting in

`--saturate N` ends with steps that sleep for nothing, on N nodes: what the database (or the machine) does at
most. Shares are of one run; the machine's other load is in them.
"""

import argparse
import re
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
from sqlalchemy import Row, create_engine, select, text
from tests.brokers import Broker, rabbitmq_server, redis_server
from tests.cluster_house import ClusterHouse, cluster_house
from tests.databases import postgresql_server

from steadfast.jobs.job import JobState
from steadfast.jobs.tables import ATTEMPTS

_LOOK_EVERY_S = 0.05
_SETTLED_S = 2.0
_IDLE_S = 6.0
_LINEAR = 0.9
_SPREAD = 0.25
"""By how much the longest and the shortest steps differ from `--seconds`."""
_LINE = "{:>5} {:>8} {:>6} {:>9} {:>7} {:>6} {:>5} {:>9} {:>9} {:>7} {:>5}  {}"
_ACTIVITY = text(
    "SELECT query, coalesce(wait_event_type, 'cpu') AS wait FROM pg_stat_activity "
    "WHERE state = 'active' AND datname LIKE 'cluster_%' AND pid <> pg_backend_pid()"
)
_COMMITS = text("SELECT sum(xact_commit) FROM pg_stat_database WHERE datname LIKE 'cluster_%'")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One count of nodes."""

    nodes: int
    steps: int
    steps_per_s: float
    share: float
    cycle_ms: float
    gap_ms: float
    db_ms: float
    transactions: float
    idle_transactions: float
    idle_cpu_ms: float
    node_cpu_ms: float
    cpu_share: float
    most: str


@dataclass(kw_only=True)
class Watch:
    """What a PostgreSQL is seen doing."""

    folder: str
    seen: Counter[str] = field(default_factory=Counter)

    def cpu_s(self) -> float:
        """Processor time of all its processes until now."""
        pid = int((Path(self.folder) / "data" / "postmaster.pid").read_text().splitlines()[0])
        ended = psutil.Process(pid).cpu_times()
        total: float = ended.children_user + ended.children_system  # of sessions that are over
        for process in [psutil.Process(pid), *psutil.Process(pid).children()]:
            try:
                used = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += used.user + used.system
        return total

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Looks again and again as long as the block runs."""
        engine = create_engine(f"postgresql+psycopg://test@/postgres?host={self.folder}")
        is_over = threading.Event()

        def look() -> None:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                while not is_over.wait(_LOOK_EVERY_S):
                    for row in connection.execute(_ACTIVITY):
                        self.seen[f"{_short(row.query)} ({row.wait})"] += 1

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield self
        finally:
            is_over.set()
            looking.join()
            engine.dispose()


def _short(query: str) -> str:
    """Verb and table, and how it locks."""
    verb = query.split(None, 1)[0].upper() if query else "?"
    table = re.search(r"\b(?:FROM|INTO|UPDATE)\s+(\w+)", query, re.IGNORECASE)
    lock = " FOR UPDATE" if "FOR UPDATE" in query.upper() else ""
    return f"{verb} {table.group(1) if table else ''}{lock}".strip()


def commits(folder: str) -> int:
    """Transactions of the clusters' databases until now; the database tells about a second late."""
    engine = create_engine(f"postgresql+psycopg://test@/postgres?host={folder}")
    with engine.connect() as connection:
        count = int(connection.execute(_COMMITS).scalar_one() or 0)
    engine.dispose()
    return count


def nodes_cpu_s(house: ClusterHouse) -> float:
    """Processor time of all nodes and their messengers until now."""
    total = 0.0
    for node in house.nodes:
        process = psutil.Process(node.process.pid)
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                used = one.cpu_times()
                total += used.user + used.system
    return total


def run(house: ClusterHouse, folder: str, nodes: int, *, seconds: float, steps: int, keys: int) -> Found:
    """Starts the nodes, gives each of them `steps` segments to do, and reads what happened."""
    house.start_nodes(nodes, seconds=seconds, jobs={"lease_s": 60.0}, cluster={"heartbeat_s": 5.0})
    house.until(lambda: all(node.facts.broker == "ready" for node in house.registry().nodes()))
    time.sleep(_SETTLED_S)
    before, node_s = commits(folder), nodes_cpu_s(house)
    time.sleep(_IDLE_S)
    idle = max(0, commits(folder) - before) / _IDLE_S / nodes
    idle_share = (nodes_cpu_s(house) - node_s) / _IDLE_S
    for number in range(nodes):  # a job each: its segments come one after the other
        # Of several lengths: nowhere do all places end at one moment.
        spread = 1.0 + _SPREAD * (2 * number / max(1, nodes - 1) - 1)
        house.submit([f"{number:04}" * steps], owner=f"key-{number % keys}", seconds=spread * seconds)
    watch = Watch(folder=folder)
    psutil.cpu_percent()
    before, cpu_s, node_s, began_s = commits(folder), watch.cpu_s(), nodes_cpu_s(house), time.monotonic()
    with watch.watching():
        house.until(lambda: house.count(JobState.SUCCEEDED) == len(house.texts), 1800.0, every_s=0.5)
    used = psutil.cpu_percent() / 100
    node_s = nodes_cpu_s(house) - node_s - idle_share * (time.monotonic() - began_s)
    time.sleep(1.0)
    rows = _segments(house)
    per_s, all_steps = _per_s(rows), len(rows) + 2 * nodes
    return Found(
        nodes=nodes,
        steps=len(rows),
        steps_per_s=per_s,
        share=_share(rows),
        cycle_ms=_cycle_ms(rows),
        gap_ms=_gap_ms(rows),
        db_ms=(watch.cpu_s() - cpu_s) * 1000 / all_steps,
        transactions=(commits(folder) - before) / all_steps,
        idle_transactions=idle,
        idle_cpu_ms=idle_share * 1000 / nodes,
        node_cpu_ms=node_s * 1000 / all_steps,
        cpu_share=used,
        most=", ".join(f"{name} {count}" for name, count in watch.seen.most_common(2)),
    )


def _segments(house: ClusterHouse) -> list[Row[tuple[object, ...]]]:
    columns = ATTEMPTS.c.lease_owner, ATTEMPTS.c.began_at, ATTEMPTS.c.ended_at, ATTEMPTS.c.device_s
    done = select(*columns).where(ATTEMPTS.c.kind == "segment", ATTEMPTS.c.outcome == "done")
    with house.database.reading() as connection:
        return list(connection.execute(done.order_by(ATTEMPTS.c.began_at)))


def _per_s(rows: list[Row[tuple[object, ...]]]) -> float:
    """The places' rates together, each from the first lease it had to its last."""
    rates: list[float] = [
        (len(done) - 1) / (done[-1].began_at - done[0].began_at).total_seconds()
        for done in _by_place(rows)
        if len(done) > 1
    ]
    return sum(rates)


def _by_place(rows: list[Row[tuple[object, ...]]]) -> list[list[Row[tuple[object, ...]]]]:
    found: dict[object, list[Row[tuple[object, ...]]]] = defaultdict(list)
    for row in rows:
        found[row.lease_owner].append(row)
    return list(found.values())


def _share(rows: list[Row[tuple[object, ...]]]) -> float:
    """Of the time between its first lease and its last that a place slept, on average over the places."""
    shares: list[float] = [
        sum(row.device_s for row in done[:-1]) / (done[-1].began_at - done[0].began_at).total_seconds()
        for done in _by_place(rows)
        if len(done) > 1
    ]
    return statistics.mean(shares) if shares else float("nan")


def _cycle_ms(rows: list[Row[tuple[object, ...]]]) -> float:
    cycles = [
        (later.began_at - first.began_at).total_seconds() - first.device_s
        for done in _by_place(rows)
        for first, later in pairwise(done)
    ]
    return statistics.median(cycles) * 1000 if cycles else float("nan")


def _gap_ms(rows: list[Row[tuple[object, ...]]]) -> float:
    gaps = [
        (later.began_at - first.ended_at).total_seconds()
        for done in _by_place(rows)
        for first, later in pairwise(done)
    ]
    return statistics.median(gaps) * 1000 if gaps else float("nan")


def measure(counts: list[int], broker: Broker, folder: str, *, seconds: float, steps: int, keys: int) -> None:
    """Prints a line per count."""
    print(
        _LINE.format(
            "nodes",
            "steps/s",
            "share",
            "cycle ms",
            "gap ms",
            "db ms",
            "tx",
            "idle tx/s",
            "idle ms/s",
            "node ms",
            "cpu",
            "most",
        )
    )
    for nodes in counts:
        with (
            tempfile.TemporaryDirectory() as place,
            cluster_house(Path(place), folder, broker_url=broker.url) as house,
        ):
            found = run(house, folder, nodes, seconds=seconds, steps=steps, keys=keys)
        figures = (
            f"{found.steps_per_s:.2f}",
            f"{found.share:.1%}",
            f"{found.cycle_ms:.1f}",
            f"{found.gap_ms:.1f}",
            f"{found.db_ms:.1f}",
            f"{found.transactions:.1f}",
            f"{found.idle_transactions:.1f}",
            f"{found.idle_cpu_ms:.1f}",
            f"{found.node_cpu_ms:.1f}",
            f"{found.cpu_share:.0%}",
        )
        print(_LINE.format(nodes, *figures, found.most), flush=True)


def main() -> None:
    """Reads the options and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", default="1,2,4,8,16,32")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=6, help="segments per node")
    parser.add_argument("--keys", type=int, default=16)
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="redis")
    parser.add_argument("--saturate", type=int, default=0, help="nodes with steps that sleep for nothing")
    asked = parser.parse_args()
    with ExitStack() as stack:
        broker = stack.enter_context(redis_server() if asked.broker == "redis" else rabbitmq_server())
        folder = stack.enter_context(postgresql_server())
        counts = [int(count) for count in asked.nodes.split(",") if count]
        measure(counts, broker, folder, seconds=asked.seconds, steps=asked.steps, keys=asked.keys)
        if asked.saturate:
            print(f"\nsteps that take no time; linear is from {_LINEAR:.0%} on")
            for keys in (1, asked.keys):
                print(f"keys: {keys}")
                measure([asked.saturate], broker, folder, seconds=0.0, steps=60, keys=keys)


if __name__ == "__main__":
    main()
