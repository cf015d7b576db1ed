"""How each kind of database is connected to: URLs, drivers, pragmas and limits."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from steadfast.database.checkpoints import LONGEST_LOG_PAGES
from steadfast.database.failure import translating
from steadfast.errors import ConfigError, DatabaseProblem
from steadfast.settings import DatabaseSettings
from steadfast.settings.secret_files import secret_text

FILE_NAME = "steadfast.db"
WRITING = "steadfast_writing"
"""The execution option of a connection that will write."""

_CONNECT_TIMEOUT_S = 5
_SILENT_S = 10
_IDLE_IN_TRANSACTION_S = 5
"""After which the server ends a transaction whose owner says nothing: a host that was cut off or frozen in
the middle of a change holds the row of a flow, and with it the work of all the others."""
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseOptions:
    """Where the database is and how it is used."""

    url: URL
    """With a driver this program has; its password never shows in a text."""
    is_durable: bool = True
    """Whether a commit waits for the disk (SQLite; PostgreSQL decides for itself)."""
    busy_timeout_s: float = 10.0
    """How long to wait for a lock."""
    pool_size: int = 5
    """Connections kept open."""
    statement_timeout_s: float = 30.0
    """After which a statement is given up (PostgreSQL)."""
    is_behind_pooler: bool = False
    """Whether a PgBouncer in transaction mode stands between: a connection remembers nothing."""

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database."""
        name = self.url.database if self.url.get_backend_name() == "sqlite" else None
        return Path(name) if name else None


def database_options(settings: DatabaseSettings, data_dir: Path) -> DatabaseOptions:
    """The options out of the settings. Raises `ConfigError` for a URL that cannot work."""
    given = secret_text("database.url", settings.url, settings.url_file)
    url = _parsed(given) if given else URL.create("sqlite", database=str(data_dir / FILE_NAME))
    if url.get_backend_name() != "sqlite" and url.password is None:
        url = url.set(password=secret_text("database.password", None, settings.password_file))
    return DatabaseOptions(
        url=url,
        is_durable=settings.synchronous == "full",
        busy_timeout_s=settings.busy_timeout_s,
        pool_size=settings.pool_size,
        statement_timeout_s=settings.statement_timeout_s,
        is_behind_pooler=settings.behind_pooler,
    )


def connect(options: DatabaseOptions) -> Engine:
    """An engine; nothing is connected yet, but a SQLite file and its folder exist afterwards.

    Raises `DatabaseProblem` if the folder cannot be written.
    """
    if options.file is not None:
        return _connect_sqlite(options, options.file)
    return _connect_postgresql(options)


def _connect_postgresql(options: DatabaseOptions) -> Engine:
    limits = {
        "lock_timeout": int(options.busy_timeout_s * 1000),
        "statement_timeout": int(options.statement_timeout_s * 1000),
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_S * 1000,
    }
    arguments: dict[str, object] = {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "application_name": "steadfast",
        # A server or network that is gone without a word is noticed before a lease runs out.
        "keepalives_idle": _SILENT_S,
        "keepalives_interval": _SILENT_S,
        "keepalives_count": 2,
        "tcp_user_timeout": int((options.statement_timeout_s + _SILENT_S) * 1000),
    }
    if options.is_behind_pooler:
        arguments["prepare_threshold"] = None  # the next transaction may be on another connection
    else:
        arguments["options"] = " ".join(f"-c {name}={value}" for name, value in limits.items())
    engine = create_engine(
        options.url,
        pool_size=options.pool_size,
        pool_pre_ping=True,  # a server that was restarted must not cost a request
        connect_args=arguments,
    )
    if options.is_behind_pooler:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            for name, value in limits.items():
                connection.exec_driver_sql(f"SET LOCAL {name} = {value}")

    return engine


def _parsed(given: str) -> URL:
    try:
        url = make_url(given)
    except ArgumentError as error:
        # Without the value: it may hold a password.
        raise ConfigError("The setting database.url is no database URL.") from error
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise ConfigError(
            f"The setting database.url names {url.get_backend_name()}; expected postgresql or sqlite."
        )
    if driver != "sqlite" and find_spec("psycopg") is None:
        raise ConfigError(
            "The setting database.url names PostgreSQL, but its driver is not installed.",
            remedy="Install it: `pip install 'steadfast[postgres]'`.",
        )
    if driver == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("The setting database.url names no file; everything would be lost at the end.")
    return url.set(drivername=driver)


def _connect_sqlite(options: DatabaseOptions, file: Path) -> Engine:
    _create_privately(file)
    engine = create_engine(
        options.url, pool_size=options.pool_size, connect_args={"timeout": options.busy_timeout_s}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver would begin transactions on its own, late and deferred; `begin` below does it.
        connection.isolation_level = None
        for pragma in _pragmas(options):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another wrote in between;
        # one that will write takes the lock first, and waits for it.
        is_writing = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    with translating(options.url):
        _switch_to_wal(engine, file)
    return engine


def _pragmas(options: DatabaseOptions) -> tuple[str, ...]:
    return (
        f"synchronous = {'FULL' if options.is_durable else 'NORMAL'}",
        "foreign_keys = ON",
        "trusted_schema = OFF",  # functions named in a tampered schema are not run
        f"journal_size_limit = {64 << 20}",  # after a burst the log gives its space back
        f"wal_autocheckpoint = {LONGEST_LOG_PAGES}",  # long before that, `checkpoints` does it in a thread
    )


def _switch_to_wal(engine: Engine, file: Path) -> None:
    connection = engine.raw_connection()
    try:
        (mode,) = connection.cursor().execute("PRAGMA journal_mode = WAL").fetchone() or ("none",)
    finally:
        connection.close()
    if mode != "wal":
        raise DatabaseProblem(
            f"The database {file} cannot be shared by several processes here (journal mode {mode}).",
            remedy="Put the data folder on a local disk; network file systems lack what SQLite needs.",
        )


def _create_privately(file: Path) -> None:
    """Key hashes and records are nobody else's; SQLite gives its log the rights of the file."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseProblem(
            f"The database {file} cannot be opened: {reason}.",
            remedy="Set STEADFAST_DATA_DIR to a folder that this user may write to.",
        ) from error
