"""An empty database, and a clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import Clock, open_migrated_sqlite

from steadfast.database.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
