"""Jobs end as they should while workers and the server are killed all the time.

`STEADFAST_CHAOS_FULL=1` runs the long form: 200 jobs, a worker killed every 3 s, the server three times; it
takes longer than a test may here, so with `-o faulthandler_timeout=0`.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import func, select

from steadfast.assembly.filekeeping import open_library
from steadfast.blobs.blob import parse_address
from steadfast.blobs.library import BlobLibrary
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.jobs import queries
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import InputFile, ItemOrder, JobOrder, JobPriority, JobState
from steadfast.jobs.submission import new_job_id, submit
from steadfast.jobs.tables import ATTEMPTS, HISTORY, JOBS
from steadfast.jobs.transaction import JobDatabase
from steadfast.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
FULL = bool(os.environ.get("STEADFAST_CHAOS_FULL"))
JOBS_WANTED = 200 if FULL else 18
KILL_EVERY_S = 3.0 if FULL else 1.0
SERVER_KILLS = 3 if FULL else 2
SECONDS_PER_LETTER = 0.04 if FULL else 0.02
WITHIN_S = 900.0 if FULL else 120.0


@dataclass(kw_only=True)
class Site:
    """The data folder of servers that are killed."""

    data_dir: Path
    database: Database
    library: BlobLibrary
    jobs: JobDatabase
    server: "subprocess.Popen[bytes] | None" = None
    texts: dict[str, list[str]] = field(default_factory=dict)
    """What each job is to put into capitals."""

    def submit(self, texts: list[str], **options: object) -> str:
        """Submits a job with an item per text."""
        items = []
        for text in texts:
            blob = self.library.keep_pieces([text.encode()], space="_", owner="upload", role="upload")
            file = InputFile(sha256=blob.address.sha256, size_bytes=len(text))
            items.append(ItemOrder(target=file))
        order = JobOrder(
            owner="",
            task="fault",
            items=tuple(items),
            options={"per_segment": 4, "seconds": SECONDS_PER_LETTER, **options},
            priority=JobPriority(len(self.texts) % 3),
            fresh=True,
        )
        job_id = new_job_id()
        self.jobs.write_now(lambda t: submit(t, job_id, order))
        self.texts[job_id] = texts
        return job_id

    def start(self) -> None:
        """Starts a server."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
        environment = own | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(Path(__file__).with_name("job_server.py")), str(self.data_dir), "2"]
        with (self.data_dir / "server.log").open("ab") as log:
            self.server = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=log, stdout=log)

    def kill(self) -> None:
        """Kills the server and everything below it, as a container's end does."""
        assert self.server is not None
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.server.pid).children(recursive=True)
            self.server.kill()
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
        self.server.wait(10)

    def kill_a_worker(self, chance: random.Random) -> None:
        """Kills one of those that there are."""
        with suppress(OSError, ValueError, IndexError):
            pids = (self.data_dir / "workers").read_text(encoding="ascii").split()
            os.kill(int(chance.choice(pids)), signal.SIGKILL)

    def count(self, *states: JobState) -> int:
        """Jobs in these states."""
        wanted = select(func.count()).select_from(JOBS).where(JOBS.c.state.in_([s.value for s in states]))
        return self.jobs.read_now(lambda connection: int(connection.execute(wanted).scalar_one()))

    def result(self, job_id: str, item: int) -> str:
        """What came of an item."""
        found = self.jobs.read_now(lambda connection: queries.result(connection, None, job_id, item))
        return b"".join(self.library.read(parse_address(found.address))).decode()


@contextmanager
def site(data_dir: Path) -> Iterator[Site]:
    settings = Settings(data_dir=data_dir)
    database = open_database(database_options(settings.database, data_dir))
    library = open_library(settings, database)
    jobs = JobDatabase(database, library, here=Incarnation.of_this_process())
    built = Site(data_dir=data_dir, database=database, library=library, jobs=jobs)
    try:
        yield built
    finally:
        if built.server is not None:
            built.kill()
        jobs.close()
        database.close()


def submit_mixed_jobs(built: Site, chance: random.Random) -> None:
    """Short and long ones, batches, and some whose segments kill their worker once."""
    flags = built.data_dir / "flags"
    for number in range(JOBS_WANTED):
        texts = [
            f"job {number} item {item} " + "x" * chance.randrange(24)
            for item in range(chance.choice((1, 1, 3)))
        ]
        act = ("", "", "", "segfault", "kill_self", "abort")[number % 6]
        flag = str(flags / f"flag-{number}") if act else ""
        built.submit(texts, do=act, flag=flag, at=chance.randrange(3))


def test_every_job_ends_once_and_whole_while_workers_and_servers_are_killed(tmp_path: Path) -> None:
    chance = random.Random(5)
    with site(tmp_path) as built:
        submit_mixed_jobs(built, chance)
        built.start()
        until_s, kills_left = time.monotonic() + WITHIN_S, SERVER_KILLS
        while (left := JOBS_WANTED - built.count(JobState.SUCCEEDED, JobState.FAILED)) > 0:
            log = (tmp_path / "server.log").read_text(errors="replace")[-3_000:]
            assert time.monotonic() < until_s, f"{left} jobs are stuck\n{log}"
            time.sleep(KILL_EVERY_S)
            if kills_left and left <= JOBS_WANTED * kills_left / (SERVER_KILLS + 1):
                kills_left -= 1
                built.kill()
                built.start()
            else:
                built.kill_a_worker(chance)
        assert kills_left == 0
        assert built.count(JobState.SUCCEEDED) == JOBS_WANTED
        for job_id, texts in built.texts.items():
            assert [built.result(job_id, item) for item in range(len(texts))] == [t.upper() for t in texts]
        assert_nothing_was_done_twice(built)


def assert_nothing_was_done_twice(built: Site) -> None:
    """Every step has exactly one attempt that counted, every job exactly one end."""
    columns = ATTEMPTS.c.job_id, ATTEMPTS.c.item, ATTEMPTS.c.kind, ATTEMPTS.c.number
    done = select(*columns).where(ATTEMPTS.c.outcome == "done")
    ends = select(HISTORY.c.job_id).where(HISTORY.c.kind == "state", HISTORY.c.data.contains("succeeded"))
    with built.database.reading() as connection:
        steps = Counter(tuple(row) for row in connection.execute(done).all())
        ended = Counter(connection.execute(ends).scalars())
    assert set(steps.values()) == {1}
    assert set(ended) == set(built.texts)
    assert set(ended.values()) == {1}


def test_a_job_goes_on_at_its_first_missing_segment_soon_after_a_restart(tmp_path: Path) -> None:
    with site(tmp_path) as built:
        job_id = built.submit(["abcdefghijklmnopqrstuvwxyz" * 3])
        built.start()
        done = 0
        until_s = time.monotonic() + 60.0
        while done < 5:
            assert time.monotonic() < until_s
            done = built.jobs.read_now(lambda c: queries.get(c, None, job_id)).progress.segments_done
            time.sleep(0.02)
        built.kill()
        before = built.jobs.read_now(lambda c: queries.get(c, None, job_id)).progress.segments_done
        built.start()
        while built.count(JobState.SUCCEEDED) == 0:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        tried = select(func.count()).select_from(ATTEMPTS).where(ATTEMPTS.c.outcome == "lost")
        total = select(func.count()).select_from(ATTEMPTS).where(ATTEMPTS.c.kind == "segment")
        with built.database.reading() as connection:
            lost, segments = (connection.execute(query).scalar_one() for query in (tried, total))
        assert before >= 5
        assert lost <= 2, "at most one step per worker is done again"
        assert segments == 20 + lost
        assert built.result(job_id, 0) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 3
