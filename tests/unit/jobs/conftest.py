"""An empty job store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.job_house import JobHouse, job_house

from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.settings import DatabaseSettings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    # No test here cuts the power, and every commit that waits for a busy disk costs the test its time.
    database = open_database(database_options(DatabaseSettings(synchronous="normal"), tmp_path))
    yield database
    database.close()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(database, tmp_path) as built:
        yield built
