"""A copy of the database is whole, private, and never half there."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from steadfast.cli.application import run
from steadfast.database.backup import back_up_sqlite
from steadfast.errors import DatabaseProblem, ExitCode, OutputUnwritable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "steadfast.db")) as writing:
        writing.execute("PRAGMA journal_mode = wal")
        writing.execute("CREATE TABLE jobs (id TEXT)")
        writing.execute("INSERT INTO jobs VALUES ('one')")
        writing.commit()
    return tmp_path / "steadfast.db"


def rows_of(file: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(file)) as reading:
        return reading.execute("SELECT id FROM jobs").fetchall()


def test_a_copy_has_what_was_confirmed_and_nothing_of_a_writer_who_is_not_done(
    file: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("INSERT INTO jobs VALUES ('two')")
        size_bytes = back_up_sqlite(file, tmp_path / "copy.db")
        writing.execute("COMMIT")
    assert rows_of(tmp_path / "copy.db") == [("one",)]
    assert rows_of(file) == [("one",), ("two",)]
    status = (tmp_path / "copy.db").stat()
    assert (status.st_size, status.st_mode & 0o777) == (size_bytes, 0o600)


def test_a_folder_may_be_called_anything(file: Path, tmp_path: Path) -> None:
    odd = tmp_path / "100% mine? #1"
    odd.mkdir()
    back_up_sqlite(file.rename(odd / "steadfast.db"), tmp_path / "copy.db")
    assert rows_of(tmp_path / "copy.db") == [("one",)]


def test_what_is_there_is_not_written_over(file: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("older")
    with pytest.raises(OutputUnwritable, match="is there already"):
        back_up_sqlite(file, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "older"


def test_what_fails_leaves_nothing(file: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        back_up_sqlite(file, tmp_path / "absent" / "copy.db")
    (tmp_path / "no.db").write_text("no database at all, only some words in a file")
    (tmp_path / "out").mkdir()
    for wrong in ("no.db", "absent.db"):
        with pytest.raises(DatabaseProblem, match="cannot be copied"):
            back_up_sqlite(tmp_path / wrong, tmp_path / "out" / "copy.db")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_copies_a_file_and_sends_who_has_postgresql_to_its_own_tool(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEADFAST_DATA_DIR", str(tmp_path))
    assert run(["db", "backup", str(tmp_path / "copy.db")]) is ExitCode.OK
    assert rows_of(tmp_path / "copy.db") == [("one",)]
    monkeypatch.setenv("STEADFAST_DATABASE__URL", "postgresql://u:p@h/n")
    assert run(["db", "backup", str(tmp_path / "other.db")]) is ExitCode.USAGE
    assert "pg_dump" in capsys.readouterr().err
