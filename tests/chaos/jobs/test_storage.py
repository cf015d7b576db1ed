"""Jobs outlast a database that is locked or away, and a disk that is full."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from tests.databases import open_postgresql, open_sqlite, postgresql_server, restart_postgresql
from tests.job_house import job_house
from tests.small_disks import mounted_tmpfs
from tests.unit.jobs.test_scheduler import Plant, plant

from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.errors import DiskFull
from steadfast.jobs.headroom import IntakeGuard, rooms_of
from steadfast.jobs.job import Job, JobState

LOCKED_S = 10.0
"""How long somebody else holds the SQLite file."""


async def submit_many(works: Plant, count: int) -> list[Job]:
    return [await works.submit(f"job number {number}") for number in range(count)]


async def assert_all_succeed(works: Plant, jobs: list[Job]) -> None:
    for number, job in enumerate(jobs):
        assert (await works.ended(job)).state is JobState.SUCCEEDED
        assert await works.text(job) == f"JOB NUMBER {number}"


def test_a_database_that_somebody_locks_for_long_only_delays(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    file = database.options.file
    assert file is not None

    def lock(is_locked: threading.Event) -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            is_locked.set()
            unlock.wait(LOCKED_S)
            other.execute("COMMIT")

    unlock = threading.Event()

    async def check() -> None:
        async with plant(house, tmp_path) as works:
            jobs = await submit_many(works, 10)
            another = house.order("job number 10")
            is_locked = threading.Event()
            locking = asyncio.create_task(asyncio.to_thread(lock, is_locked))
            await asyncio.to_thread(is_locked.wait)
            state = (await works.service.get("anna", jobs[-1].id)).state  # who asks is answered meanwhile
            assert state in (JobState.QUEUED, JobState.RUNNING)
            late = asyncio.create_task(works.service.submit(another))
            await locking
            await assert_all_succeed(works, [*jobs, await late])

    with job_house(database, tmp_path) as house:
        asyncio.run(check())
    database.close()


def test_a_postgresql_that_crashes_and_comes_back_only_delays(tmp_path: Path) -> None:
    async def check(folder: Path) -> None:
        async with plant(house, tmp_path) as works:
            jobs = await submit_many(works, 12)
            await works.until(lambda: works.count("segment") >= 6)
            await asyncio.to_thread(restart_postgresql, folder)
            await assert_all_succeed(works, jobs)
            assert works.count("segment") <= 36 + 2, "at most what ran was done again"

    with postgresql_server() as socket:
        database = open_postgresql(f"postgresql://test@/postgres?host={socket}")
        with job_house(database, tmp_path) as house:
            asyncio.run(check(Path(socket)))
        database.close()


def test_a_full_disk_refuses_new_jobs_and_only_delays_those_that_were_taken(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)

    async def check(disk: Path) -> None:
        async with plant(house, tmp_path, places=1) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit("job number 0")
            await works.until(lambda: works.count("segment") == 1)
            ballast = disk / "ballast"
            with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:  # noqa: PT011, PT012 — ENOSPC
                while True:
                    file.write(bytes(65_536))
            works.work.gate.set()
            await works.until(lambda: house.job(job.id).held.startswith("disk_full"))
            works.guard = IntakeGuard(rooms_of(house.library, tmp_path))
            with pytest.raises(DiskFull, match=r"The disk is \d+% full"):
                works.guard.check_now()
            ballast.unlink()
            works.guard.check_now()  # by itself
            await assert_all_succeed(works, [job])

    with mounted_tmpfs(tmp_path / "disk", "size=20m") as disk:
        library = BlobLibrary(FolderStore(disk), database)
        with job_house(database, tmp_path, library) as house:
            asyncio.run(check(disk))
    database.close()
