"""The database as the rest of the program sees it: transactions, and threads to wait for them in."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, text

from steadfast.database.checkpoints import Checkpointer
from steadfast.database.connection import WRITING, DatabaseOptions, connect
from steadfast.database.failure import translating
from steadfast.database.migration import upgrade
from steadfast.errors import DatabaseBusy

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """One engine and the threads that wait for it; safe to use from any thread."""

    def __init__(self, engine: Engine, options: DatabaseOptions) -> None:
        self.engine = engine
        self.options = options
        # SQLite lets one write at a time, and whoever finds it busy sleeps and looks again, for longer and
        # longer. The threads of this process wait for each other instead, and are woken at once.
        self._turn = threading.Lock() if options.file is not None else None
        self._checkpointer = Checkpointer(engine) if options.file is not None else None
        self._threads = ThreadPoolExecutor(options.pool_size, thread_name_prefix="database")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or undone as a whole if anything is raised.

        Raises `DatabaseBusy`, `DatabaseDamaged`, `DiskFull` or another `DatabaseProblem`; a broken constraint
        stays an `IntegrityError`, for the repository that knows what it means.
        """
        with self._taking_turn(), translating(self.options.url), self.engine.connect() as connection:
            connection.execution_options(**{WRITING: True})
            with connection.begin():
                yield connection
            if self._checkpointer is not None:
                self._checkpointer.committed()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view of the data; waits for no writer. Raises like `writing`."""
        with translating(self.options.url), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _taking_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=self.options.busy_timeout_s):
            raise DatabaseBusy("The database is busy with other writes of this process.")
        try:
            yield
        finally:
            self._turn.release()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a function that uses the database in a thread, so that the event loop turns on."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **kwargs))

    def ping(self) -> None:
        """Whether the database answers: the probe of this dependency. Raises `DatabaseProblem` if not."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Waits for what runs, and lets go of every connection."""
        self._threads.shutdown(wait=True)
        if self._checkpointer is not None:
            self._checkpointer.close()
        self.engine.dispose()


def database_bytes(connection: Connection) -> int:
    """What a PostgreSQL database takes on its server's disk."""
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def open_database(options: DatabaseOptions) -> Database:
    """Connects and brings the schema up to date; a first start needs no step before it.

    Raises `SchemaTooNew` if a newer version of the program has written it, `DatabaseProblem` if it cannot be
    used.
    """
    engine = connect(options)
    try:
        with translating(options.url):
            upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine, options)
