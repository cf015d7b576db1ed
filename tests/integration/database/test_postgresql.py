"""What only PostgreSQL can show: migrations, locks and lost servers."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from tests.databases import import_every_module_with_a_table, open_postgresql

from steadfast.database import migration
from steadfast.database.database import Database
from steadfast.database.schema import METADATA
from steadfast.database.write_queue import WriteQueue
from steadfast.errors import DatabaseBusy, DatabaseProblem, SchemaTooNew

END_ALL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid != pg_backend_pid()
"""


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database: Database) -> None:
    import_every_module_with_a_table()
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_processes_that_start_together_upgrade_once(url: str) -> None:
    opened: list[Database] = []
    threads = [threading.Thread(target=lambda: opened.append(open_postgresql(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for database in opened:
        assert migration.check_schema(database.engine)
        database.close()


def test_a_schema_of_a_newer_version_is_refused(url: str, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_readers SET oldest = '9999'"))
    with pytest.raises(SchemaTooNew, match="schema 9999"):
        open_postgresql(url)


def test_an_upgrade_that_fails_leaves_no_half_schema(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = migration._run_alembic

    def fail_at_the_end(connection: object) -> None:
        real(connection)  # type: ignore[arg-type]
        raise InterruptedError

    monkeypatch.setattr(migration, "_run_alembic", fail_at_the_end)
    with pytest.raises(InterruptedError):
        open_postgresql(url)
    monkeypatch.undo()
    open_postgresql(url).close()


def test_an_upgrade_may_take_longer_than_any_change_of_everyday(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index over all jobs takes minutes; only for a table it waits no longer than others do."""
    real, seen = migration._run_alembic, {}

    def look(connection: Connection) -> None:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            seen[name] = connection.execute(text(f"SHOW {name}")).scalar_one()
        real(connection)

    monkeypatch.setattr(migration, "_run_alembic", look)
    database = open_postgresql(url)
    assert seen == {
        "statement_timeout": "0",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "1min",
    }
    with database.reading() as connection:  # and it was for that transaction alone
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
    database.close()


def test_connections_that_the_server_dropped_cost_no_request(url: str, database: Database) -> None:
    database.ping()
    other = open_postgresql(url)
    with other.reading() as connection:
        assert connection.execute(text(END_ALL_OTHERS)).all() == [(True,)]
    other.close()
    database.ping()


def test_a_connection_lost_in_the_middle_is_our_error(database: Database) -> None:
    def lose() -> None:
        with database.writing() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DatabaseProblem):
        lose()
    database.ping()


def test_a_lock_held_for_too_long_is_our_error(database: Database) -> None:
    def wait_for_it() -> None:
        with database.writing() as waiting:
            waiting.execute(text("SET LOCAL lock_timeout = '20ms'"))
            waiting.execute(text("LOCK TABLE api_keys"))

    with database.writing() as holding:
        holding.execute(text("LOCK TABLE api_keys"))
        with pytest.raises(DatabaseBusy):
            wait_for_it()


def test_a_host_that_falls_silent_in_a_change_holds_up_the_others_for_seconds_only(
    database: Database,
) -> None:
    with database.reading() as connection:
        limit = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert limit == "5s"


@pytest.mark.parametrize(
    ("statement", "attempts"),
    [
        ("UPDATE schema_readers SET no_such_column = 1", 1),
        ("UPDATE schema_readers SET oldest = repeat('x', 99)", 1),
        ("SELECT pg_terminate_backend(pg_backend_pid())", 2),
    ],
)
def test_what_no_waiting_can_heal_is_tried_once_and_a_lost_connection_again(
    database: Database, statement: str, attempts: int
) -> None:
    queue, tried = WriteQueue(database, patience_s=30.0), 0

    def piece(connection: Connection) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            connection.execute(text(statement))

    try:
        queue.write_now(piece)
    except DatabaseProblem:
        assert attempts == 1
    assert tried == attempts
    queue.close()
