"""A copy of a SQLite file that is whole at one moment, made while the service writes to it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from steadfast.errors import DatabaseProblem, OutputUnwritable


def back_up_sqlite(file: Path, target: Path) -> int:
    """Copies the database to `target`, which appears only when it is whole; the answer is its size in bytes.

    Readers and writers go on meanwhile. Nobody but the owner may read the copy. Raises `OutputUnwritable`
    where there is something at `target` or nothing can be written, `DatabaseProblem` where `file` is none.
    """
    if target.exists():
        raise OutputUnwritable(f"{target} is there already.", remedy="Name a file that is not there yet.")
    aside = target.with_name(f".{target.name}.part")
    try:
        aside.unlink(missing_ok=True)
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as reading:
            reading.execute("VACUUM INTO ?", (str(aside),))
        _make_durable(aside)
        aside.rename(target)
        _make_durable(target.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputUnwritable(f"{target} cannot be written: {error.strerror or error}.") from error
    except sqlite3.Error as error:
        aside.unlink(missing_ok=True)
        raise DatabaseProblem(f"The database {file} cannot be copied: {error}.") from error
    return target.stat().st_size


def _make_durable(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
