"""The one server that does what only one may do: an advisory lock of PostgreSQL says which.
 The lock belongs to a transaction that is kept open, so it also holds behind a PgBouncer in transaction mode;
and that transaction is ended by the database when its owner has been silent for a while, so that a server
that was cut off, or paused, does not stay chief. Nothing is lost by two chiefs for a moment: every duty is a
change that only one can win.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from steadfast.database.database import Database

_log = logging.getLogger(__name__)

LOCK = 0x73_74_65_61_64_63_68
"""Any number that stays and that nobody else uses."""
_BEAT_S = 2.0
_SILENT_S = 10
"""After which the database takes the lock back …"""
_SURE_S = 7.0
"""… and, earlier, the chief does not believe in itself any more."""
_TRY_S = 3.0


class Chief:
    """Whether this server is the one; on SQLite there is no other."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic."""
        self._database = database
        self._clock = clock
        self._is_alone = database.options.file is not None
        self._connection: Connection | None = None
        self._sure_until_s = 0.0

    @property
    def is_chief(self) -> bool:
        """Whether it is so now, for certain."""
        return self._is_alone or self._clock() < self._sure_until_s

    async def run(self) -> None:
        """Tries to be chief, and stays it, for ever."""
        if self._is_alone:
            return
        try:
            while True:
                is_chief = await asyncio.to_thread(self.stand)
                pause_s = _BEAT_S if is_chief else _TRY_S
                await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311
        finally:
            self.resign()

    def stand(self) -> bool:
        """Becomes or stays chief, if nobody else is; blocks."""
        asked_s = self._clock()
        try:
            if self._connection is None:
                self._connection = self._database.engine.connect()
                held = self._take(self._connection)
            else:
                self._connection.execute(text("SELECT 1"))
                held = True
        except SQLAlchemyError as error:
            _log.warning("no longer chief", extra={"detail": str(error).splitlines()[0]})
            self.resign()
            return False
        if not held:
            self.resign()
            return False
        self._sure_until_s = asked_s + _SURE_S
        return True

    def resign(self) -> None:
        """Lets somebody else be it."""
        self._sure_until_s = 0.0
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.invalidate()
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None

    def _take(self, connection: Connection) -> bool:
        # What is silent for that long is ended by the database, whatever became of the other side.
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{_SILENT_S}s'")
        held = connection.execute(
            text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}
        ).scalar_one()
        return bool(held)
