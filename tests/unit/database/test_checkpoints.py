"""The log of SQLite is written back beside the writers."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from steadfast.database.checkpoints import LONGEST_LOG_PAGES, Checkpointer
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.settings import DatabaseSettings


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(database_options(DatabaseSettings(), tmp_path))


def add(database: Database, name: str) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS names (name TEXT)"))
        connection.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})


def in_file_alone(tmp_path: Path) -> list[str]:
    """What the database file says without its log."""
    copy = tmp_path / "copy.db"
    shutil.copyfile(tmp_path / "steadfast.db", copy)
    with closing(sqlite3.connect(copy)) as connection:
        try:
            return [name for (name,) in connection.execute("SELECT name FROM names")]
        except sqlite3.OperationalError:
            return []


def test_no_commit_writes_the_log_back_itself_before_it_is_very_long(
    tmp_path: Path, database: Database
) -> None:
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA wal_autocheckpoint")).scalar_one() == LONGEST_LOG_PAGES
    add(database, "in the log")
    assert in_file_alone(tmp_path) == []
    database.close()


def test_after_so_many_commits_the_log_is_written_back_by_a_thread(
    tmp_path: Path, database: Database
) -> None:
    add(database, "first")
    checkpointer = Checkpointer(database.engine, every_commits=2)
    checkpointer.committed()
    assert in_file_alone(tmp_path) == []
    write_back, done = checkpointer.write_back, threading.Event()

    def write_back_and_tell() -> None:
        write_back()
        done.set()

    checkpointer.write_back = write_back_and_tell  # type: ignore[method-assign]
    checkpointer.committed()
    assert done.wait(20)
    checkpointer.close()
    assert in_file_alone(tmp_path) == ["first"]
    database.close()


def test_a_reader_holds_up_neither_the_writing_back_nor_writers(tmp_path: Path, database: Database) -> None:
    add(database, "first")
    checkpointer = Checkpointer(database.engine)
    with database.reading() as connection:
        assert connection.execute(text("SELECT name FROM names")).scalars().all() == ["first"]
        add(database, "second")
        checkpointer.write_back()
        add(database, "third")
        assert connection.execute(text("SELECT name FROM names")).scalars().all() == ["first"]
    checkpointer.write_back()
    assert in_file_alone(tmp_path) == ["first", "second", "third"]
    database.close()
