"""Databases for tests: SQLite files, and a PostgreSQL of one's own where its programs are installed."""

import importlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event

import steadfast
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.settings import DatabaseSettings

REQUIRED = "POSTGRESQL_REQUIRED"
"""Set where a missing PostgreSQL must fail the tests rather than skip them: in CI."""
_PATIENCE_S = 60
_PACKAGE = Path(steadfast.__file__).parent


class Clock:
    """A wall clock that the test turns."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        """Forward, in the words of `timedelta`."""
        self.time += timedelta(**by)


@cache
def import_every_module_with_a_table() -> None:
    """So that the metadata has every table that the code declares."""
    for file in _PACKAGE.rglob("*.py"):
        if "METADATA" in file.read_text(encoding="utf-8"):
            importlib.import_module(".".join(file.relative_to(_PACKAGE.parent).with_suffix("").parts))


def open_sqlite(folder: Path) -> Database:
    """The default database, in a folder of the test's."""
    return open_database(database_options(DatabaseSettings(), folder))


def open_migrated_sqlite(folder: Path) -> Database:
    """The default database for tests of what is kept in it: quick to make, and it waits for no disk."""
    options = database_options(DatabaseSettings(synchronous="normal"), folder)
    assert options.file is not None
    if not options.file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options.file.write_bytes(_migrated_file())
    database = open_database(options)
    event.listen(database.engine, "connect", _wait_for_no_disk)
    database.engine.dispose()  # what was opened before waits
    return database


def _wait_for_no_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


@cache
def _migrated_file() -> bytes:
    """An empty database at the newest schema: the migrations take forty times as long as a copy."""
    with tempfile.TemporaryDirectory() as folder:
        open_sqlite(Path(folder)).close()
        options = database_options(DatabaseSettings(), Path(folder))
        assert options.file is not None
        return options.file.read_bytes()


def open_postgresql(url: str) -> Database:
    """A PostgreSQL by URL."""
    settings = DatabaseSettings(url=SecretStr(url), busy_timeout_s=5)
    return open_database(database_options(settings, Path("/nonexistent")))


@contextmanager
def postgresql_server(address: str = "", port: int = 5432) -> Iterator[str]:
    """A server on a socket in a temporary folder, reachable by nobody else; the answer is that folder.

    `address`: of this machine, on which whoever reaches it is let in, too.
    """
    programs = _programs()
    # Not pytest's folder: the server refuses to be root, and another user could not reach it there.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    options = f"-c listen_addresses='{address}' -p {port} -c unix_socket_directories='{folder}' -c fsync=off"
    initialise: list[str | Path] = [programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "-N"]
    start: list[str | Path] = [
        programs / "pg_ctl",
        "-D",
        data,
        "-w",
        "-o",
        options,
        "-l",
        folder / "log",
        "start",
    ]
    try:
        _run(initialise, user)
        if address:
            with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
                rules.write("host all all samenet trust\n")
        _run(start, user)
        yield str(folder)
    finally:
        _stop(data)
        shutil.rmtree(folder, ignore_errors=True)


def restart_postgresql(folder: Path) -> None:
    """Kills the server of `postgresql_server` as a crash does, and starts it again."""
    user = "nobody" if os.geteuid() == 0 else None
    programs, data = _programs(), folder / "data"
    stop: list[str | Path] = [programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "-l", folder / "log"]
    _run([*stop, "restart"], user)


def _run(command: Sequence[str | Path], user: str | None) -> None:
    # Its output goes to a file and not a pipe: the server would inherit the pipe and hold it open.
    groups: list[int] | None = [] if user is not None else None
    with tempfile.TemporaryFile() as output:
        ended = subprocess.run(
            command,
            check=False,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            user=user,
            extra_groups=groups,
            cwd="/",
        )
        output.seek(0)
        assert ended.returncode == 0, output.read().decode()


def _stop(data: Path) -> None:
    pid_file = data / "postmaster.pid"
    if pid_file.exists():
        server = int(pid_file.read_text().splitlines()[0])
        os.kill(server, signal.SIGQUIT)  # at once; nothing here is worth saving
        _wait_until_gone(server)


def _wait_until_gone(pid: int) -> None:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([watched], [], [], _PATIENCE_S)
    os.close(watched)


def postgresql_program(name: str) -> Path:
    """One of PostgreSQL's own programs, of the version that `postgresql_server` runs."""
    return _programs() / name


def _programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    if os.environ.get(REQUIRED):
        pytest.fail(f"PostgreSQL is not installed, and {REQUIRED} is set")
    pytest.skip("PostgreSQL is not installed here")
