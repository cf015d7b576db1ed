"""The same promises on a real PostgreSQL; every test gets an empty database of its own."""

from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import create_engine, text
from tests.databases import Clock, open_postgresql, postgresql_server

from steadfast.database.database import Database

pytest.register_assert_rewrite("tests.unit.admission.test_keys", "tests.unit.admission.test_idempotency")

_numbers = count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The folder of a server's socket."""
    with postgresql_server() as folder:
        yield folder


@pytest.fixture
def url(postgresql: str) -> str:
    """An empty database."""
    name = f"test_{next(_numbers)}"
    engine = create_engine(
        f"postgresql+psycopg://test@/postgres?host={postgresql}", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"postgresql://test@/{name}?host={postgresql}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = open_postgresql(url)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
