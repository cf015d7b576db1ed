"""Many servers that take turns in one PostgreSQL: they do not queue up behind one row."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.cluster_house import new_database
from tests.databases import open_postgresql
from tests.job_house import JobHouse, job_house

from steadfast.errors import DatabaseProblem
from steadfast.jobs import leasing
from steadfast.jobs.job import JobPriority
from steadfast.jobs.lease import Lease
from steadfast.jobs.transaction import JobDatabase, Transaction

HOLD = text("SELECT 1 FROM job_flows WHERE owner = :owner AND priority = :priority FOR UPDATE")


@pytest.fixture
def house(postgresql: str, tmp_path: Path) -> Iterator[JobHouse]:
    database = open_postgresql(new_database(postgresql))
    with job_house(database, tmp_path) as built:
        yield built
    database.close()


def test_who_finds_the_next_key_taken_by_another_server_has_the_one_after_it(house: JobHouse) -> None:
    for owner in ("anna", "bert"):
        house.submit(owner=owner)
    first = house.took()
    house.plan(first, segments=8)
    assert first.owner == "anna"
    house.took()  # bert's, so that it would be anna's turn
    with house.jobs.database.writing() as other_server:
        other_server.execute(HOLD, {"owner": "anna", "priority": int(JobPriority.NORMAL)})
        house.submit(owner="carl")
        assert house.took().owner == "carl"


def test_a_more_urgent_key_that_is_taken_is_waited_for(house: JobHouse) -> None:
    house.submit(owner="anna", priority=JobPriority.HIGH)
    house.submit(owner="bert", priority=JobPriority.LOW)
    impatient = JobDatabase(house.jobs.database, house.library, here=house.jobs.here, patience_s=0.05)
    with house.jobs.database.writing() as other_server:
        other_server.execute(HOLD, {"owner": "anna", "priority": int(JobPriority.HIGH)})
        with pytest.raises(DatabaseProblem):  # in the end; it does not take what is less urgent
            impatient.write_now(_take_impatiently)
    impatient.close()
    assert house.took().owner == "anna"


def _take_impatiently(transaction: Transaction) -> Lease | None:
    transaction.connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
    return leasing.take(transaction, "toy", lease_s=30.0, open_jobs=4)
