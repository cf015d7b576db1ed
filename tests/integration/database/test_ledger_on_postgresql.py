"""The ledger keeps the same promises on PostgreSQL, to which several servers may add."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.job_house import JobHouse, job_house
from tests.unit.sla.house import LedgerHouse
from tests.unit.sla.test_folding import (
    test_a_death_between_commit_and_removal_counts_nothing_twice,
    test_a_hang_while_files_change_is_seen_too,
    test_many_files_add_up,
    test_single_requests_go_sooner_than_their_sums,
)
from tests.unit.sla.test_job_ledger import (
    test_a_job_is_followed_from_submission_to_its_end,
    test_taking_over_twice_changes_nothing,
)
from tests.unit.sla.test_report import (
    test_latencies_beside_maintenance_count_request_by_request,
    test_readings_are_judged_in_the_report,
)

from steadfast.database.database import Database

__all__ = [
    "test_a_death_between_commit_and_removal_counts_nothing_twice",
    "test_a_hang_while_files_change_is_seen_too",
    "test_a_job_is_followed_from_submission_to_its_end",
    "test_latencies_beside_maintenance_count_request_by_request",
    "test_many_files_add_up",
    "test_readings_are_judged_in_the_report",
    "test_single_requests_go_sooner_than_their_sums",
    "test_taking_over_twice_changes_nothing",
]


def make(database: Database, folder: Path) -> Iterator[LedgerHouse | JobHouse]:
    """What one of the imported tests asks for."""
    ledger = LedgerHouse(folder, database)
    yield ledger
    if ledger.journal is not None:
        ledger.stop()


@pytest.fixture
def house(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[LedgerHouse | JobHouse]:
    """A ledger, or jobs, in this database."""
    if "job" in request.function.__module__:
        with job_house(database, tmp_path) as jobs:
            yield jobs
    else:
        yield from make(database, tmp_path)


def test_two_servers_add_to_the_same_sums(database: Database, tmp_path: Path) -> None:
    for name in ("one", "other"):
        house = LedgerHouse(tmp_path / name, database)
        house.answer()
        house.end(house.begin(10), engine="standard")
        house.wait(60)
        assert house.journal is not None
        house.stop()
        house.fold()
    assert house.report().outcomes == {"ok": 20}
    assert house.report().absences == []
