"""What holds for jobs on SQLite holds on PostgreSQL; and several servers share one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from tests.job_house import JobHouse, job_house
from tests.unit.jobs.test_leasing import *  # noqa: F403
from tests.unit.jobs.test_progress import *  # noqa: F403
from tests.unit.jobs.test_scheduler import *  # noqa: F403
from tests.unit.jobs.test_turns import *  # noqa: F403

from steadfast.database.database import Database
from steadfast.errors import JobConflict
from steadfast.jobs import control, leasing
from steadfast.jobs.job import JobPriority, JobState
from steadfast.jobs.lease import Lease
from steadfast.jobs.transaction import Transaction


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(database, tmp_path) as built:
        yield built


def test_servers_that_lease_at_once_never_get_the_same_step(house: JobHouse) -> None:
    for number in range(10):
        house.submit(content=f"job {number}")
    servers = [house.elsewhere() for _ in range(4)]

    def take_all(number: int) -> list[Lease]:
        server, taken = servers[number], []
        for _ in range(200):
            lease = server.write_now(lambda t: leasing.take(t, "toy", lease_s=30.0, open_jobs=4))
            if lease is not None:
                taken.append(lease)
        return taken

    with ThreadPoolExecutor(4) as threads:
        leases = [lease for taken in threads.map(take_all, range(4)) for lease in taken]
    assert sorted(lease.job_id for lease in leases) == sorted({lease.job_id for lease in leases})
    assert len(leases) == 10
    for server in servers:
        server.close()


def test_changes_of_one_job_from_many_sides_never_deadlock_nor_lose_a_step(house: JobHouse) -> None:
    jobs = [house.submit(content=f"job {number}") for number in range(6)]
    servers = [house.elsewhere() for _ in range(4)]

    def work(number: int) -> None:
        side = JobHouse(jobs=servers[number], clock=house.clock, facts=[])
        for turn in range(40):
            job_id = jobs[(number + turn) % len(jobs)]
            if turn % 10 == number:
                side.jobs.write_now(partial(_move, job_id=job_id, priority=JobPriority(turn % 3)))
            if (lease := side.take()) is not None:
                side.do(lease)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    house.finish()
    assert {house.job(job_id).state for job_id in jobs} == {JobState.SUCCEEDED}
    for server in servers:
        server.close()


def _move(transaction: Transaction, job_id: str, priority: JobPriority) -> None:
    with suppress(JobConflict):  # it may have ended meanwhile
        control.set_priority(transaction, None, job_id, priority)


def test_a_lost_connection_costs_no_change(house: JobHouse, database: Database) -> None:
    job_id = house.submit()
    with database.writing() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    house.finish()
    assert house.job(job_id).state is JobState.SUCCEEDED
