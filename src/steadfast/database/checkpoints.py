"""Moves what SQLite's log holds into the database file, beside the writers instead of in their commits.

By itself SQLite does it in whichever commit finds the log long: one in fifty then waits until a thousand
pages are written and flushed. From another connection the same work holds up no writer and no reader.
"""

import logging
import sqlite3
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

_log = logging.getLogger(__name__)

LONGEST_LOG_PAGES = 16_384
"""Beyond this (64 MB) a commit does it after all: then something holds the log, or the thread has no turn."""
_EVERY_COMMITS = 100


class Checkpointer:
    """Counts commits; after so many of them a thread of its own has the log written back."""

    def __init__(self, engine: Engine, *, every_commits: int = _EVERY_COMMITS) -> None:
        self._engine = engine
        self._every_commits = every_commits
        self._commits = 0
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Something was written. Returns at once; a process that writes little never has the thread."""
        with self._lock:
            self._commits += 1
            if self._closed or self._commits < self._every_commits:
                return
            self._commits = 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="database-log", daemon=True)
                self._thread.start()
        self._due.set()

    def close(self) -> None:
        """Ends the thread; the last connection that is closed writes back the rest."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._due.set()
        if thread is not None:
            thread.join()

    def _serve(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._closed:
                return
            try:
                self.write_back()
            except (SQLAlchemyError, sqlite3.Error) as error:  # the next one, or a commit, meets it again
                _log.debug("log not written back", extra={"detail": str(error)})

    def write_back(self) -> None:
        """Writes back as much as no reader needs in the log, without waiting for anybody."""
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            connection.close()
