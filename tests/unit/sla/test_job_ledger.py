"""What became of jobs stays known when the jobs are gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from tests.databases import open_migrated_sqlite
from tests.job_house import JobHouse, job_house

from steadfast.database.database import Database
from steadfast.jobs.tables import JOBS as LIVING
from steadfast.jobs.tables import STEPS
from steadfast.sla.job_ledger import LOST, absorb_jobs
from steadfast.sla.tables import JOBS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty one."""
    opened = open_migrated_sqlite(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[JobHouse]:
    """Jobs in it."""
    with job_house(database, tmp_path) as jobs:
        yield jobs


def states(database: Database) -> dict[str, str]:
    with database.reading() as connection:
        return {row.job_id: row.state for row in connection.execute(select(JOBS))}


def test_a_job_is_followed_from_submission_to_its_end(house: JobHouse, database: Database) -> None:
    job_id = house.submit()
    absorb_jobs(database)
    assert states(database) == {job_id: "queued"}
    house.finish()
    absorb_jobs(database)
    assert states(database) == {job_id: "succeeded"}


def test_a_job_that_vanished_is_lost_and_one_that_had_ended_is_not(
    house: JobHouse, database: Database
) -> None:
    done = house.submit()
    house.finish()
    waiting = house.submit()
    absorb_jobs(database)
    with database.writing() as connection:
        connection.execute(delete(STEPS))
        connection.execute(delete(LIVING))
    assert [lost.job_id for lost in absorb_jobs(database)] == [waiting]
    assert absorb_jobs(database) == []  # it is told once
    assert states(database) == {done: "succeeded", waiting: LOST}


def test_taking_over_twice_changes_nothing(house: JobHouse, database: Database) -> None:
    ids = [house.submit() for _ in range(5)]
    absorb_jobs(database)
    absorb_jobs(database)
    assert sorted(states(database)) == sorted(ids)
