"""How many steps a second the database can give out and take back, and which statement ends it.

    python -m benchmarks.scale_database [--processes 1,2,4] [--keys 1,16] [--seconds 8]

A PostgreSQL of the benchmark's own (commits wait for no disk). So many processes do nothing but what a server
does at the database for each segment: lease it (whose turn is it?), enter its file, commit it with its token.
No work, no messages, no renewals. Per line:

    steps/s             of all processes together
    take, commit ms     p50 of the two transactions, as a process sees them
    db ms               processor time of PostgreSQL per step: 1000 / this is what one core of it can do
    own ms              processor time of the processes per step
    most                statements that sessions were most often seen working or waiting in

Processes and PostgreSQL share the machine: where both together fill it, steps/s is the machine's limit and
`db ms` the database's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.cluster_house import new_database
from tests.databases import open_postgresql, postgresql_server

from benchmarks.scale import Watch
from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.jobs import completion, leasing
from steadfast.jobs.completion import Work
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import Cost, InputFile, ItemOrder, JobOrder, StepKind
from steadfast.jobs.lease import Lease
from steadfast.jobs.rows import space_of
from steadfast.jobs.submission import new_job_id, submit
from steadfast.jobs.transaction import JobDatabase
from steadfast.task_steps import JobPlan, PlannedSegment, SegmentDone

_LANE = "asleep"
_SEGMENTS = 2_000
"""Of each job: more than are done."""
_LOOK_AGAIN_S = 0.005
_LINE = "{:>9} {:>5} {:>8} {:>8} {:>10} {:>6} {:>7}  {}"


@dataclass(frozen=True, kw_only=True)
class Driven:
    """What one process did."""

    took_ms: list[float]
    committed_ms: list[float]
    cpu_s: float


class Driver:
    """One process at the database, as one server is."""

    def __init__(self, url: str, folder: Path) -> None:
        self._database = open_postgresql(url)
        self._library = BlobLibrary(FolderStore(folder), self._database)
        self._jobs = JobDatabase(self._database, self._library, here=Incarnation.of_this_process())

    def prepare(self, keys: int) -> None:
        """A planned job per key."""
        for number in range(keys):
            owner = f"key-{number}"
            blob = self._library.keep_pieces(
                [owner.encode()], space=space_of(owner), owner="upload", role="upload"
            )
            file = InputFile(sha256=blob.address.sha256, size_bytes=blob.size_bytes)
            order = JobOrder(owner=owner, task=_LANE, items=(ItemOrder(target=file),))
            job_id = new_job_id()
            self._jobs.write_now(partial(submit, job_id=job_id, order=order))
        cut = tuple(PlannedSegment(index=number, units=4, brief=b"") for number in range(_SEGMENTS))
        plan = JobPlan(segments=cut, pin={"work": _LANE}, suffix=".txt", content_type="text/plain")
        for _ in range(keys):
            lease = self._take()
            assert lease is not None
            assert lease.key.kind is StepKind.PLAN
            self._jobs.write_now(partial(completion.planned, lease=lease, plan=plan, work=_work()))

    def drive(self, seconds: float) -> Driven:
        """Leases and commits, one after the other."""
        took_ms: list[float] = []
        committed_ms: list[float] = []
        cpu_s, until_s = time.process_time(), time.monotonic() + seconds
        while (began_s := time.monotonic()) < until_s:
            while (lease := self._take()) is None:  # somebody is changing the job whose turn it is
                time.sleep(_LOOK_AGAIN_S)
            leased_s = time.monotonic()
            self._commit(lease)
            took_ms.append((leased_s - began_s) * 1000)
            committed_ms.append((time.monotonic() - leased_s) * 1000)
        return Driven(took_ms=took_ms, committed_ms=committed_ms, cpu_s=time.process_time() - cpu_s)

    def _take(self) -> Lease | None:
        return self._jobs.write_now(lambda t: leasing.take(t, _LANE, lease_s=60.0, open_jobs=4))

    def _commit(self, lease: Lease) -> None:
        blob = self._library.keep_pieces(
            [f"{lease.job_id} {lease.key.number}".encode()],
            space=space_of(lease.owner),
            group=lease.identity,
            owner=lease.job_id,
            role=lease.segment_role,
        )
        done = SegmentDone(units=4, note=b"")
        self._jobs.write_now(lambda t: completion.segment_done(t, lease, done, blob, _work()))

    def close(self) -> None:
        """Ends it."""
        self._jobs.close()
        self._database.close()


def _work() -> Work:
    return Work(cost=Cost(frames=4), worker="none")


def measure(folder: str, place: Path, *, processes: int, keys: int, seconds: float) -> str:
    """One line."""
    url, files = new_database(folder), place / f"{processes}-{keys}"
    driver = Driver(url, files)
    driver.prepare(keys)
    driver.close()
    command = [sys.executable, "-m", "benchmarks.scale_database", "--drive", url, str(files)]
    running = [_begun([*command, "--seconds", str(seconds)]) for _ in range(processes)]
    watch = Watch(folder=folder)
    cpu_s, began_s = watch.cpu_s(), time.monotonic()
    with watch.watching():
        for one in running:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        driven = [Driven(**json.loads(one.communicate()[0])) for one in running]
    took_s, db_s = time.monotonic() - began_s, watch.cpu_s() - cpu_s
    steps = sum(len(one.took_ms) for one in driven)
    figures = (
        f"{steps / took_s:.0f}",
        f"{statistics.median(ms for one in driven for ms in one.took_ms):.1f}",
        f"{statistics.median(ms for one in driven for ms in one.committed_ms):.1f}",
        f"{db_s * 1000 / steps:.2f}",
        f"{sum(one.cpu_s for one in driven) * 1000 / steps:.2f}",
    )
    most = ", ".join(f"{name} {count}" for name, count in watch.seen.most_common(3))
    return _LINE.format(processes, keys, *figures, most)


def _begun(command: list[str]) -> "subprocess.Popen[str]":
    """A process that has everything it needs, and waits for the word."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def drive(url: str, folder: Path, seconds: float) -> None:
    """What such a process does."""
    driver = Driver(url, folder)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asdict(driver.drive(seconds))))
    driver.close()


def main() -> None:
    """Reads the options and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--keys", default="1,16")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--drive", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.drive:
        drive(asked.drive[0], Path(asked.drive[1]), asked.seconds)
        return
    print(_LINE.format("processes", "keys", "steps/s", "take ms", "commit ms", "db ms", "own ms", "most"))
    with postgresql_server() as folder, tempfile.TemporaryDirectory() as place:
        for keys in map(int, asked.keys.split(",")):
            for processes in map(int, asked.processes.split(",")):
                line = measure(folder, Path(place), processes=processes, keys=keys, seconds=asked.seconds)
                print(line, flush=True)


if __name__ == "__main__":
    main()
