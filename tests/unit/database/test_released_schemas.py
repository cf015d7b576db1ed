"""Whatever version wrote the database, the newest brings it forward with everything in it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, LargeBinary, MetaData, Table, func, select, types
from tests.databases import import_every_module_with_a_table

from steadfast.database import migration
from steadfast.database.connection import WRITING
from steadfast.database.database import Database
from steadfast.database.schema import METADATA

ROWS = 3


@pytest.mark.parametrize("released", migration.known_revisions()[:-1])
def test_a_database_with_content_is_brought_forward_and_loses_nothing(
    database: Database, released: str
) -> None:
    with database.engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        _make_schema(connection, released)
        before = _fill(connection)
    assert min(before.values()) >= ROWS
    migration.upgrade(database.engine)
    import_every_module_with_a_table()
    with database.reading() as connection:
        assert migration.revision_of(connection) == migration.known_revisions()[-1]
        for name, count in before.items():
            table = METADATA.tables[name]
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == count
            connection.execute(select(table)).all()  # every value can be read as what it is now


def _make_schema(connection: Connection, revision: str) -> None:
    """As that version left it: everything else is taken away first."""
    everything = MetaData()
    everything.reflect(connection)
    everything.drop_all(connection)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migration._FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, revision)


def _fill(connection: Connection) -> dict[str, int]:
    """Rows in every table; how many each has."""
    written = MetaData()
    written.reflect(connection)
    counts = {}
    for table in written.sorted_tables:
        if table.name == "alembic_version":
            continue
        connection.execute(table.insert(), [_row(table, number) for number in range(ROWS)])
        # A migration may have written some itself.
        counts[table.name] = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return counts


def _row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: _value(column.type, number) for column in table.columns}


def _value(kind: types.TypeEngine[Any], number: int) -> Any:
    match kind:
        case types.Boolean():
            return bool(number % 2)
        case types.DateTime():
            return datetime(2026, 11, 20, 12, number, tzinfo=None if kind.timezone is False else UTC)
        case types.Integer() | types.Float() | types.Numeric():
            return number + 1
        case LargeBinary():
            return bytes([number])
    return str(number)
