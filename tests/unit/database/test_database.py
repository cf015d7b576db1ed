"""Transactions are whole, waited for, and fail as one of our errors."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.databases import open_sqlite

from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.errors import ConfigError, DatabaseBusy, DatabaseDamaged, DatabaseProblem, DiskFull
from steadfast.settings import DatabaseSettings

INSERT = text("INSERT INTO words VALUES (:word)")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with one table, `words`."""
    database = open_sqlite(tmp_path / "data")
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE words (word TEXT PRIMARY KEY)"))
    yield database
    database.close()


def words_in(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text("SELECT word FROM words ORDER BY word")).scalars())


def test_what_fails_half_way_leaves_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with database.writing() as connection:
            connection.execute(INSERT, {"word": "half"})
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_and_fail()
    assert words_in(database) == []


def test_even_a_changed_table_is_undone(database: Database) -> None:
    def change_and_fail() -> None:
        with database.writing() as connection:
            connection.execute(text("CREATE TABLE more (x TEXT)"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        change_and_fail()
    with database.reading() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE name = 'more'")).all()
    assert tables == []


def test_a_reader_waits_for_no_writer_and_sees_no_half(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(INSERT, {"word": "unfinished"})
        assert words_in(database) == []
    assert words_in(database) == ["unfinished"]


def test_a_writer_waits_its_turn_and_then_sees_what_the_other_wrote(database: Database) -> None:
    seen: list[list[str]] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        with database.writing() as connection:  # had it read first, its write would fail
            seen.append(list(connection.execute(text("SELECT word FROM words")).scalars()))
            connection.execute(INSERT, {"word": "second"})

    with database.writing() as connection:
        connection.execute(INSERT, {"word": "first"})
        other = threading.Thread(target=second)
        other.start()
        begun.wait()
    other.join()
    assert seen == [["first"]]
    assert words_in(database) == ["first", "second"]


def test_a_lock_held_for_too_long_is_an_error_of_ours(tmp_path: Path) -> None:
    settings = DatabaseSettings(busy_timeout_s=0.01)
    database = open_database(database_options(settings, tmp_path))
    with closing(sqlite3.connect(tmp_path / "steadfast.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy, match="held by another process"), database.writing():
            pass
    database.close()


def test_a_full_disk_is_told_apart(database: Database) -> None:
    def fill() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 20")
            connection.execute(INSERT, {"word": "x" * 1_000_000})

    with pytest.raises(DiskFull, match="No space is left for the database"):
        fill()
    assert words_in(database) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "steadfast.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseDamaged, match=r"steadfast\.db is no database"):
        open_sqlite(tmp_path)


def test_a_database_torn_in_the_middle_is_noticed(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    database.close()
    file = tmp_path / "steadfast.db"
    content = bytearray(file.read_bytes())
    content[100:4096] = b"\xff" * 3996
    file.write_bytes(content)
    with pytest.raises(DatabaseProblem):
        open_sqlite(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseProblem, match="cannot be opened") as told:
        open_sqlite(tmp_path / "file" / "data")
    assert "STEADFAST_DATA_DIR" in told.value.remedy


def test_wrong_sql_is_our_error_too(database: Database) -> None:
    with pytest.raises(DatabaseProblem, match="no such table"), database.reading() as connection:
        connection.execute(text("SELECT * FROM nowhere"))


def test_nobody_else_on_the_machine_can_read_it(tmp_path: Path, database: Database) -> None:
    words_in(database)
    rights = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "data").iterdir()}
    assert set(rights.values()) == {0o600}, rights
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_commits_wait_for_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    asked = {}
    for synchronous in ("full", "normal"):
        settings = DatabaseSettings.model_validate({"synchronous": synchronous})
        database = open_database(database_options(settings, tmp_path))
        with database.reading() as connection:
            pragmas = ("synchronous", "journal_mode", "foreign_keys")
            asked[synchronous] = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        database.close()
    assert asked == {"full": [2, "wal", 1], "normal": [1, "wal", 1]}


def test_the_event_loop_turns_while_the_database_works(database: Database) -> None:
    turned = threading.Event()

    async def both() -> list[str]:
        def wait_then_read() -> list[str]:
            assert turned.wait(30)
            return words_in(database)

        reading = asyncio.ensure_future(database.run(wait_then_read))
        await asyncio.sleep(0)
        turned.set()
        return await reading

    assert asyncio.run(both()) == []


def test_a_ping_tells_whether_it_answers(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    database.ping()
    database.close()
    for file in tmp_path.iterdir():
        file.write_bytes(b"x" * 5000)
    with pytest.raises(DatabaseProblem):
        database.ping()
    database.engine.dispose()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "is no database URL"),
        ("mysql://u:secret@h/d", "names mysql; expected postgresql or sqlite"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_showing_its_password(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        database_options(DatabaseSettings(url=SecretStr(url)), Path("/nonexistent"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_usual_spelling_of_postgresql_gets_the_driver_we_have(scheme: str) -> None:
    url = SecretStr(f"{scheme}://user:secret@host/name")
    options = database_options(DatabaseSettings(url=url), Path("/nonexistent"))
    assert options.url.drivername == "postgresql+psycopg"
    assert "secret" not in repr(options)


def test_a_database_server_that_is_not_there_is_our_error() -> None:
    url = SecretStr("postgresql://user:secret@127.0.0.1:1/name")
    with pytest.raises(DatabaseProblem, match=r"name at 127\.0\.0\.1 failed") as told:
        open_database(database_options(DatabaseSettings(url=url), Path("/nonexistent")))
    assert "secret" not in str(told.value)
