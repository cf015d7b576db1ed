"""Small transactions go together, and each keeps its own fate."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, text

from steadfast.database.database import Database
from steadfast.database.write_queue import WriteQueue
from steadfast.errors import DatabaseBusy, DatabaseProblem, JobConflict


@pytest.fixture
def notes(database: Database) -> Iterator[WriteQueue]:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE notes (word VARCHAR(20) PRIMARY KEY)"))
    queue = WriteQueue(database, patience_s=20.0)
    yield queue
    queue.close()


def note(word: str) -> Callable[[Connection], str]:
    def write(connection: Connection) -> str:
        connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})
        return word.upper()

    return write


def words(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text("SELECT word FROM notes ORDER BY word")).scalars())


def test_what_was_answered_is_written(database: Database, notes: WriteQueue) -> None:
    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(notes.write(note(f"w{number:03}")) for number in range(150)))

    assert asyncio.run(all_at_once()) == [f"W{number:03}" for number in range(150)]
    assert len(words(database)) == 150


def test_a_piece_that_fails_is_undone_alone(database: Database, notes: WriteQueue) -> None:
    def refuse(connection: Connection) -> None:
        connection.execute(text("INSERT INTO notes VALUES ('never')"))
        raise JobConflict("It has ended.")

    async def all_at_once() -> list[object]:
        pieces: list[Callable[[Connection], object]] = [note("a"), refuse, note("a"), note("b")]
        return await asyncio.gather(*(notes.write(piece) for piece in pieces), return_exceptions=True)

    first, refused, twice, last = asyncio.run(all_at_once())
    assert (first, last) == ("A", "B")
    assert isinstance(refused, JobConflict)
    assert "UNIQUE" in str(twice).upper()
    assert words(database) == ["a", "b"]


def test_a_statement_that_is_wrong_in_itself_fails_nobody_else(database: Database, notes: WriteQueue) -> None:
    def wrong(connection: Connection) -> None:
        connection.execute(text("INSERT INTO notes VALUES (:word)"), {})

    async def all_at_once() -> list[object]:
        pieces: list[Callable[[Connection], object]] = [note("a"), note("b"), wrong, note("c")]
        return await asyncio.gather(*(notes.write(piece) for piece in pieces), return_exceptions=True)

    *first, refused, last = asyncio.run(all_at_once())
    assert (first, last) == (["A", "B"], "C")
    assert isinstance(refused, Exception)
    assert words(database) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "statement", ["INSERT INTO notes (words) VALUES ('x')", "DELETE FROM no_such_table", "DELET FROM notes"]
)
def test_what_no_waiting_can_heal_is_tried_once(
    database: Database, notes: WriteQueue, statement: str
) -> None:
    attempts = []

    def wrong(connection: Connection) -> None:
        attempts.append(1)
        connection.execute(text(statement))

    with pytest.raises(DatabaseProblem):
        notes.write_now(wrong)
    assert len(attempts) == 1


def test_a_lock_that_is_held_by_another_process_is_waited_for(database: Database, notes: WriteQueue) -> None:
    if database.options.file is None:
        pytest.skip("only SQLite locks the whole database")
    with closing(
        sqlite3.connect(database.options.file, isolation_level=None, check_same_thread=False)
    ) as holder:
        holder.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, holder.execute, ["COMMIT"])
        timer.start()
        assert notes.write_now(note("patient")) == "PATIENT"
        timer.join()
    assert words(database) == ["patient"]


def test_who_waits_too_long_is_told_and_nothing_is_written(database: Database) -> None:
    if database.options.file is None:
        pytest.skip("only SQLite locks the whole database")
    impatient = WriteQueue(database, patience_s=0.0)
    database.options = type(database.options)(url=database.options.url, busy_timeout_s=0.05)
    with closing(sqlite3.connect(database.options.file or "", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 50")
        with pytest.raises(DatabaseBusy):
            impatient.write_now(lambda connection: connection.execute(text("DELETE FROM alembic_version")))
    impatient.close()


def test_what_waits_at_the_end_is_written_and_nothing_later(database: Database, notes: WriteQueue) -> None:
    notes.write_now(note("last"))
    notes.close()
    if database.options.file is not None:
        with pytest.raises(DatabaseProblem, match="closed"):
            notes.write_now(note("late"))
    assert words(database) == ["last"]
