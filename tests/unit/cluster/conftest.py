"""An empty job store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import open_migrated_sqlite
from tests.job_house import JobHouse, job_house

from steadfast.database.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(database, tmp_path) as built:
        yield built
