"""What the job store costs with many jobs in it: submit, lease, commit, get, list; the plans of its queries.

    python -m benchmarks.job_store [--rows 100000] [--calls 500] [--url URL] [--plans] [--fast-disk]

Half of the rows have ended, half wait; of 200 keys and three priorities. Columns: p50, p99 and the longest of
the wall time of one call, its CPU time, in ms. The floors beside them: 4 KiB appended to a file and flushed,
which is the disk alone, and an INSERT of one row, committed alone.
SQLite commits with `synchronous = FULL` unless `--fast-disk`. `--plans` prints what either database says it
does for each query of the scheduler and the list.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, text

from steadfast.blobs.blob import Blob
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.jobs import completion, leasing, queries
from steadfast.jobs.completion import Work
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import Cost, InputFile, ItemOrder, JobOrder, JobPriority, JobState, StepKind
from steadfast.jobs.lease import Lease
from steadfast.jobs.port import JobFilter
from steadfast.jobs.rows import as_json
from steadfast.jobs.submission import first_step, new_job_id, submit
from steadfast.jobs.tables import FLOWS, ITEMS, JOBS, STEPS
from steadfast.jobs.transaction import JobDatabase, Transaction
from steadfast.settings import DatabaseSettings
from steadfast.task_steps import JobPlan, PlannedSegment

KEYS = 200
_CHUNK = 5_000
_CHANCE = random.Random(20261120)
_BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def fill(database: Database, rows: int) -> None:
    """Puts jobs into the tables as the store would have left them."""
    for first in range(0, rows, _CHUNK):
        numbers = range(first, min(rows, first + _CHUNK))
        ids = [new_job_id() for _ in numbers]
        with database.writing() as connection:
            connection.execute(
                JOBS.insert(), [_job(job_id, n) for job_id, n in zip(ids, numbers, strict=True)]
            )
            connection.execute(
                ITEMS.insert(), [_item(job_id, n) for job_id, n in zip(ids, numbers, strict=True)]
            )
            connection.execute(
                STEPS.insert(), [_step(job_id, n) for job_id, n in zip(ids, numbers, strict=True)]
            )
    flows = [
        {
            "task": "faces",
            "owner": f"key{key}",
            "priority": priority,
            "is_waiting": True,
            "served_s": float(key),
        }
        for key in range(KEYS)
        for priority in range(3)
    ]
    with database.writing() as connection:
        connection.execute(FLOWS.insert(), flows)
        if database.options.file is None:  # PostgreSQL does so by itself before long
            connection.execute(text("ANALYZE"))


def _job(job_id: str, number: int) -> dict[str, object]:
    is_over = number % 2 == 0
    zeros = dict.fromkeys(
        (
            *("segments_total", "segments_done", "units_total", "units_done", "attempts", "failed_attempts"),
            *("output_bytes", "device_s", "cpu_s", "frames", "pixels", "faces", "items_failed", "served_s"),
        ),
        0,
    )
    return zeros | {
        "id": job_id,
        "owner": f"key{_CHANCE.randrange(KEYS)}",
        "task": "faces",
        "state": (JobState.SUCCEEDED if is_over else JobState.QUEUED).value,
        "priority": _CHANCE.randrange(3),
        "options": '{"engine":"auto"}',
        "on_segment_failure": "fail",
        "on_pin_lost": "wait",
        "segment_s": 4.0,
        "callback_url": "",
        "labels": "{}",
        "subject": "",
        "fresh": False,
        "ready_steps": 0 if is_over else 1,
        "held": "",
        "degraded": "[]",
        "incidents": "[]",
        "items_total": 1,
        "items_done": int(is_over),
        "input_bytes": 1_000_000,
        "created_at": _BEGAN + timedelta(seconds=number),
        "ended_at": _BEGAN + timedelta(seconds=number + 60) if is_over else None,
    }


def _item(job_id: str, number: int) -> dict[str, object]:
    return {
        "job_id": job_id,
        "number": 0,
        "owner": f"key{number % KEYS}",
        "name": "",
        "target": as_json(InputFile(sha256=f"{number:064x}", size_bytes=1_000_000, name="clip.mp4")),
        "sources": "[]",
        "identity": f"{number:064x}",
        "pin_sum": "",
        "brief": b"",
        "suffix": ".mp4",
        "media_type": "video/mp4",
        "segments_left": 0,
        "result_blob": "",
        "result_bytes": 0,
        "degraded": "[]",
        "answered_from": "",
        "report": "{}",
    }


def _step(job_id: str, number: int) -> dict[str, object]:
    state = "done" if number % 2 == 0 else "pending"
    return first_step(job_id, 0, StepKind.PLAN) | {"state": state}


class Calls:
    """The calls that are measured, on a store with jobs in it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.library = BlobLibrary(MemoryStore(folder / "staging"), database)
        self.jobs = JobDatabase(database, self.library, here=Incarnation.of_this_process())
        self.leases: list[Lease] = []
        self.ids: list[str] = []
        self._input = self._keep()

    def _keep(self) -> Blob:
        return self.library.keep_pieces([b"an input"], space="key0", owner="benchmark", role="input")

    def submit(self) -> None:
        """A job of one item."""
        file = InputFile(sha256=self._input.address.sha256, size_bytes=8)
        order = JobOrder(
            owner="key0", task="faces", items=(ItemOrder(target=file),), priority=JobPriority.NORMAL
        )
        job_id = new_job_id()
        self.jobs.write_now(lambda t: submit(t, job_id, order))
        self.ids.append(job_id)

    def lease(self) -> None:
        """The next step of all."""
        lease = self.jobs.write_now(lambda t: leasing.take(t, "faces", lease_s=600.0, open_jobs=4))
        assert lease is not None
        self.leases.append(lease)

    def commit(self) -> None:
        """A plan of 30 segments."""
        lease = self.leases.pop()
        segments = tuple(PlannedSegment(index=n, units=100, brief=b"x" * 40) for n in range(30))
        plan = JobPlan(segments=segments, pin={"engine": "x"}, suffix=".mp4", content_type="video/mp4")
        self.jobs.write_now(lambda t: completion.planned(t, lease, plan, Work(cost=Cost(device_s=0.1))))

    def renew(self) -> None:
        """Four leases."""
        held = [(lease, 10) for lease in self.leases[-4:]]
        assert self.jobs.write_now(lambda t: leasing.renew(t, held, lease_s=600.0)) == []

    def get(self) -> None:
        """One job."""
        job_id = _CHANCE.choice(self.ids)
        self.jobs.read_now(lambda c: queries.get(c, "key0", job_id))

    def list_own(self) -> None:
        """The latest 50 of a key."""
        owner = f"key{_CHANCE.randrange(KEYS)}"
        assert self.jobs.read_now(lambda c: queries.page(c, owner, JobFilter(), 50, None)).jobs

    def list_state(self) -> None:
        """The latest 50 of a key that have succeeded."""
        owner, which = f"key{_CHANCE.randrange(KEYS)}", JobFilter(states=(JobState.SUCCEEDED,))
        assert self.jobs.read_now(lambda c: queries.page(c, owner, which, 50, None)).jobs

    def floor(self) -> None:
        """One row in a transaction of its own."""
        self.jobs.write_now(_insert_one)


@contextmanager
def flushing(folder: Path) -> Iterator[Callable[[], None]]:
    """What the disk takes for a commit, whoever asks: a page behind the end of a file, flushed."""
    with (folder / "flushed").open("wb", buffering=0) as file:

        def flush() -> None:
            file.write(bytes(4096))
            os.fdatasync(file.fileno())

        yield flush


def _insert_one(transaction: Transaction) -> None:
    job_id = new_job_id()
    transaction.connection.execute(
        STEPS.insert().values(first_step(job_id, 0, StepKind.PLAN) | {"state": "done"})
    )


def measure(name: str, call: Callable[[], None], calls: int) -> str:
    """One line of the table."""
    for _ in range(20):
        call()
    walls_ms, cpu_s = [], time.process_time()
    for _ in range(calls):
        began_s = time.perf_counter()
        call()
        walls_ms.append((time.perf_counter() - began_s) * 1000)
    cpu_ms = (time.process_time() - cpu_s) / calls * 1000
    cuts = statistics.quantiles(walls_ms, n=100)
    return f"{name:<44}{cuts[49]:>9.2f}{cuts[98]:>9.2f}{max(walls_ms):>9.2f}{cpu_ms:>9.2f}"


def plans(connection: Connection) -> Iterator[str]:
    """What the database does for each question."""
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    for name, query in QUERIES.items():
        yield f"\n{name}"
        true = "1" if connection.dialect.name == "sqlite" else "true"
        for row in connection.execute(text(explain + query.format(true=true))).all():
            yield f"    {row[-1]}"


QUERIES = {
    "next flow": "SELECT owner, priority FROM job_flows WHERE is_waiting = {true} AND task = 'faces'"
    " AND priority = (SELECT max(priority) FROM job_flows AS others WHERE others.is_waiting = {true}"
    " AND others.task = 'faces')"
    " ORDER BY served_s LIMIT 1",
    "least served open job of the flow": "SELECT id FROM jobs WHERE task = 'faces' AND owner = 'key7'"
    " AND priority = 1"
    " AND ready_steps > 0 AND held = '' AND state = 'running' ORDER BY served_s, id LIMIT 1",
    "next new job of the flow": "SELECT id FROM jobs WHERE task = 'faces' AND owner = 'key7'"
    " AND priority = 1"
    " AND ready_steps > 0 AND held = '' AND state = 'queued' ORDER BY served_s, id LIMIT 1",
    "how many are open": "SELECT count(*) FROM (SELECT id FROM jobs WHERE owner = 'key7'"
    " AND state = 'running' AND priority = 1 LIMIT 4) AS few",
    "first pending step of a job": "SELECT * FROM job_steps WHERE job_id = 'x' AND state = 'pending'"
    " ORDER BY item, kind, number LIMIT 1",
    "expired leases": "SELECT * FROM job_steps WHERE state = 'leased' AND lease_until_s < 1000"
    " ORDER BY lease_until_s LIMIT 200",
    "jobs whose time is over": "SELECT * FROM jobs WHERE ended_at IS NULL AND expires_at IS NOT NULL"
    " AND expires_at <= '2026-11-20' LIMIT 100",
    "finished twin of an item": "SELECT * FROM job_items WHERE owner = 'key7' AND identity = 'x'"
    " AND pin_sum = 'y' AND result_blob <> '' AND degraded = '[]' ORDER BY job_id DESC LIMIT 1",
    "list of a key": "SELECT * FROM jobs WHERE owner = 'key7' ORDER BY id DESC LIMIT 51",
    "list of a key by state": "SELECT * FROM jobs WHERE owner = 'key7' AND state = 'failed'"
    " ORDER BY id DESC LIMIT 51",
    "list of everything by state": "SELECT * FROM jobs WHERE state = 'failed' ORDER BY id DESC LIMIT 51",
    "history after an event": "SELECT * FROM job_history WHERE job_id = 'x' AND id > 17"
    " ORDER BY id LIMIT 500",
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--url")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--fast-disk", action="store_true")
    arguments = parser.parse_args()
    settings = DatabaseSettings(
        url=SecretStr(arguments.url) if arguments.url else None,
        synchronous="normal" if arguments.fast_disk else "full",
    )
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(database_options(settings, Path(folder)))
        began_s = time.perf_counter()
        fill(database, arguments.rows)
        print(f"{arguments.rows:,} jobs, filled in {time.perf_counter() - began_s:.0f} s")
        calls = Calls(database, Path(folder))
        print(f"{'':<44}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU ms':>9}")
        with flushing(Path(folder)) as flush:
            print(measure("append 4 KiB and flush (the disk alone)", flush, arguments.calls), flush=True)
        for name, call in (
            ("insert one row, committed (floor)", calls.floor),
            ("submit", calls.submit),
            ("lease", calls.lease),
            ("renew 4 leases", calls.renew),
            ("commit a plan of 30 segments", calls.commit),
            ("get", calls.get),
            ("list 50 of a key", calls.list_own),
            ("list 50 of a key by state", calls.list_state),
        ):
            print(measure(name, call, arguments.calls), flush=True)
        if arguments.plans:
            with database.reading() as connection:
                print("\n".join(plans(connection)))
        calls.jobs.close()
        database.close()


if __name__ == "__main__":
    main()
