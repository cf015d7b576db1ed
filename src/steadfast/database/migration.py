"""One history of the schema, and the way along it.

A start asks the database where it stands, without loading Alembic (a third of a second), and upgrades only if
it is behind. The upgrade is one transaction on either database: whoever comes second waits, then finds it
done.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, String, Table, inspect, select, text

from steadfast.database.connection import WRITING
from steadfast.database.schema import METADATA
from steadfast.errors import DatabaseProblem, SchemaTooNew

_FOLDER = Path(__file__).parent / "migrations"
_UPGRADE_LOCK = 0x53_54_45_41_44  # PostgreSQL's advisory lock of whoever upgrades; any number that stays
_IDLE_LIMIT = "idle_in_transaction_session_timeout"
_UPGRADE_IDLE_S = 60

READERS = Table("schema_readers", METADATA, Column("oldest", String(16), primary_key=True))
"""The oldest revision whose programs still work on this schema, so that two neighbouring versions run side by
side.

A migration that only adds (expand) leaves it; one that takes something away (contract), a version later,
raises it to the revision that did without.
"""


def known_revisions() -> tuple[str, ...]:
    """The history this program knows, oldest first: `versions/0001_….py` is revision 0001."""
    return tuple(sorted(file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py")))


def revision_of(connection: Connection) -> str | None:
    """Where the database stands; None: it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check_schema(engine: Engine) -> bool:
    """Whether the schema is this program's; false: it is behind or empty.

    Raises `SchemaTooNew` if it is ahead.
    """
    with engine.connect() as connection:
        return _is_current(connection, revision_of(connection))


def upgrade(engine: Engine) -> None:
    """Brings the schema up to date. Raises `SchemaTooNew` if it is ahead of this program."""
    if check_schema(engine):
        return
    with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        _wait_for_turn(connection)
        revision = revision_of(connection)
        if not _is_current(connection, revision):
            _keep_copy(connection, revision)
            _run_alembic(connection)


def _is_current(connection: Connection, revision: str | None) -> bool:
    known = known_revisions()
    if revision is not None and revision not in known:
        if (oldest := _oldest_reader(connection)) is not None and oldest <= known[-1]:
            return True  # a newer version has added something that this one does without
        raise SchemaTooNew(
            f"A newer version wrote the database: schema {revision}; this one knows {known[-1]} at most."
        )
    return revision == known[-1]


def _oldest_reader(connection: Connection) -> str | None:
    if not inspect(connection).has_table(READERS.name):
        return None
    return connection.execute(select(READERS.c.oldest)).scalar()


def _wait_for_turn(connection: Connection) -> None:
    # SQLite's BEGIN IMMEDIATE has waited already.
    if connection.dialect.name == "postgresql":
        # The limits of every other change would end it: an index over all jobs takes minutes, a neighbour's
        # upgrade is waited for, and a machine that starts everything at once is slow between two statements.
        usual = connection.execute(text("SHOW lock_timeout")).scalar_one()
        limits = {"statement_timeout": "0", "lock_timeout": "0", _IDLE_LIMIT: f"{_UPGRADE_IDLE_S}s"}
        _limit(connection, limits)
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        _limit(connection, {"lock_timeout": usual})  # who waits for a table holds up all who come after


def _limit(connection: Connection, limits: Mapping[str, str]) -> None:
    """For the rest of the transaction."""
    for name, value in limits.items():
        connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})


def _keep_copy(connection: Connection, revision: str | None) -> None:
    """Copies a SQLite file with content aside, as `steadfast.db.before-<what comes next>`: the way back."""
    name = connection.engine.url.database
    if revision is None or connection.dialect.name != "sqlite" or name is None:
        return
    copy = Path(f"{name}.before-{known_revisions()[-1]}")
    copy.unlink(missing_ok=True)  # of an upgrade that failed: nothing was written since
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # On a connection of its own: this one is inside a transaction, which only keeps other writers out.
    with closing(sqlite3.connect(name)) as reading:
        reading.execute("VACUUM INTO ?", (str(copy),))


def _run_alembic(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    # The option file's syntax gives % a meaning; a folder's name does not.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseProblem(f"The schema cannot be upgraded: {error}.") from error
