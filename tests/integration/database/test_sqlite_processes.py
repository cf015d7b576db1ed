"""Several processes share the SQLite file, and any of them may die at any moment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.databases import open_sqlite

from steadfast.database.database import Database

WRITE = """
import sys
from pathlib import Path
from sqlalchemy import text
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.settings import DatabaseSettings

folder, writer, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
database = open_database(database_options(DatabaseSettings(), folder))
for n in range(count):
    with database.writing() as connection:
        before = connection.execute(text("SELECT count(*) FROM written")).scalar()
        row = {"mark": f"{writer}-{n}", "before": before}
        connection.execute(text("INSERT INTO written VALUES (:mark, :before)"), row)
    print(f"{writer}-{n}", flush=True)
"""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = open_sqlite(tmp_path)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE written (mark TEXT PRIMARY KEY, before INTEGER UNIQUE)"))
    return database


def start_writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITE, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def written_in(database: Database) -> list[str]:
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        return list(connection.execute(text("SELECT mark FROM written ORDER BY before")).scalars())


def test_processes_that_read_and_write_at_once_all_succeed_one_after_the_other(
    tmp_path: Path, database: Database
) -> None:
    writers = [start_writer(tmp_path, name, 50) for name in "abc"]
    confirmed = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [len(marks) for marks in confirmed] == [50, 50, 50]
    assert sorted(written_in(database)) == sorted(mark for marks in confirmed for mark in marks)
    database.close()


def test_what_was_confirmed_survives_the_death_of_its_writer(tmp_path: Path, database: Database) -> None:
    for turn in range(3):
        writer = start_writer(tmp_path, f"w{turn}", 1_000_000)
        assert writer.stdout is not None
        confirmed = [writer.stdout.readline().strip() for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        confirmed += writer.stdout.read().split()
        writer.wait(30)
        writer.stdout.close()
        assert set(confirmed) <= set(written_in(database))
    database.close()
