"""Many small transactions as few large ones: on SQLite a commit waits for the disk, whatever is in it.

There one thread writes; what waits while it commits goes into the next transaction together. Each piece keeps
its own fate: one that raises is undone alone. PostgreSQL does this by itself, so there each piece is a
transaction of its own. Either way a piece is tried again as long as the database is busy, locked or away, for
a while: it must bear being run again after it was undone.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from steadfast.database.database import Database
from steadfast.database.failure import is_wrong_in_itself
from steadfast.errors import DatabaseBusy, DatabaseDamaged, DatabaseProblem, SchemaTooNew

T = TypeVar("T")
Piece = Callable[[Connection], Any]

_MOST_TOGETHER = 64
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_HOPELESS = (DatabaseDamaged, SchemaTooNew)


@dataclass(kw_only=True, slots=True, eq=False)
class _Entry:
    piece: Piece
    until_s: float
    """Monotonic; tried again until then."""
    future: Future[Any] = field(default_factory=Future)
    value: Any = None
    error: Exception | None = None


class WriteQueue:
    """Safe to use from any thread; `write` is for the event loop, `write_now` for threads."""

    def __init__(self, database: Database, *, patience_s: float = 30.0) -> None:
        """`patience_s`: how long a piece is tried again while the database is busy or away."""
        self._database = database
        self._patience_s = patience_s
        self._is_single = database.options.file is not None
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        if self._is_single:
            self._thread = threading.Thread(target=self._serve, name="database-writer", daemon=True)
            self._thread.start()

    async def write(self, piece: Callable[[Connection], T]) -> T:
        """Runs `piece` in a transaction and returns what it returned, once that is committed.

        Raises what the piece raised, `DatabaseBusy` or another `DatabaseProblem`; then nothing is written.
        """
        if not self._is_single:
            return await self._database.run(self._write_alone, piece)
        return cast("T", await asyncio.wrap_future(self._enqueue(piece)))

    def write_now(self, piece: Callable[[Connection], T]) -> T:
        """The same, waited for in this thread."""
        if not self._is_single:
            return self._write_alone(piece)
        return cast("T", self._enqueue(piece).result())

    def close(self) -> None:
        """Writes what waits and ends the thread."""
        self._closed.set()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _enqueue(self, piece: Piece) -> Future[Any]:
        entry = _Entry(piece=piece, until_s=time.monotonic() + self._patience_s)
        if self._closed.is_set():
            entry.future.set_exception(DatabaseProblem("The database is closed."))
        else:
            self._waiting.put(entry)
        return entry.future

    # --- one transaction per piece ------------------------------------------------------------------------

    def _write_alone(self, piece: Callable[[Connection], T]) -> T:
        until_s, pause_s = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            try:
                with self._database.writing() as connection:
                    return piece(connection)
            except DatabaseProblem as error:
                if not _is_passing(error) or time.monotonic() + pause_s > until_s:
                    raise
            if self._closed.wait(pause_s):
                raise DatabaseBusy("The service is stopping.")
            pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)

    # --- one thread, many pieces --------------------------------------------------------------------------

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            entries = [first, *self._others()]
            self._write_together([entry for entry in entries if not entry.future.cancelled()])

    def _others(self) -> list[_Entry]:
        """What waits already; an end that was found among it is put back."""
        others: list[_Entry] = []
        while len(others) + 1 < _MOST_TOGETHER:
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                self._waiting.put(None)
                break
            others.append(entry)
        return others

    def _write_together(self, entries: list[_Entry]) -> None:
        pause_s = _FIRST_PAUSE_S
        while entries:
            entries = [entry for entry, error in self._attempt(entries) if self._may_try_again(entry, error)]
            if entries:
                self._closed.wait(pause_s)
            pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)

    def _attempt(self, entries: list[_Entry]) -> list[tuple[_Entry, Exception]]:
        """Writes them, or says what was not written and why."""
        try:
            with self._database.writing() as connection:
                for entry in entries:
                    _run(connection, entry, is_alone=len(entries) == 1)
        except Exception as error:  # noqa: BLE001 — whoever waits for a piece is told
            if len(entries) == 1 or isinstance(error, DatabaseBusy):
                return [(entry, error) for entry in entries]
            # It may be the fault of one, which must not be that of all.
            return [failed for entry in entries for failed in self._attempt([entry])]
        for entry in entries:
            _settle(entry)
        return []

    def _may_try_again(self, entry: _Entry, error: Exception) -> bool:
        """False: its time is over, or trying again is no use; whoever waits for it is told."""
        if _is_passing(error) and time.monotonic() < entry.until_s and not self._closed.is_set():
            return True
        if entry.future.set_running_or_notify_cancel():
            entry.future.set_exception(error)
        return False


def _is_passing(error: Exception) -> bool:
    """Whether the same may succeed later: not where the statement itself is wrong."""
    is_ours = isinstance(error, DatabaseProblem) and not isinstance(error, _HOPELESS)
    return is_ours and not is_wrong_in_itself(error.__cause__)


def _run(connection: Connection, entry: _Entry, *, is_alone: bool) -> None:
    """Runs one piece; raises only where the whole transaction is lost."""
    entry.value, entry.error = None, None
    if is_alone:
        entry.value = entry.piece(connection)
        return
    with_savepoint = connection.begin_nested()
    try:
        entry.value = entry.piece(connection)
    except IntegrityError as error:
        with_savepoint.rollback()
        entry.error = error
    except (DatabaseProblem, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001 — it goes to whoever waits for the piece
        with_savepoint.rollback()
        entry.error = error
    else:
        with_savepoint.commit()


def _settle(entry: _Entry) -> None:
    if not entry.future.set_running_or_notify_cancel():
        return
    if entry.error is not None:
        entry.future.set_exception(entry.error)
    else:
        entry.future.set_result(entry.value)
