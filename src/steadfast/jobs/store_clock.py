"""The time by which leases run out, and the time that is written down for people.

Neither follows the wall clock of this machine while it jumps. On PostgreSQL both are the server's, so nodes
whose clocks differ agree. On SQLite leases go by the boot clock, which also counts while the machine
sleeps; a boot or a process that has ended is told by the incarnation, not by time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from steadfast.database.database import Database

_PG_NOW = text("SELECT extract(epoch FROM clock_timestamp())")


def boot_clock() -> float:
    """Seconds since the boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class StoreClock:
    """Seconds that only ever go forward, as the database or this machine counts them."""

    def __init__(
        self,
        database: Database,
        *,
        boot: Callable[[], float] = boot_clock,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._is_shared = database.options.file is None
        self._boot = boot
        self._began_s = boot()
        self._began_at = wall()

    def now_s(self, connection: Connection) -> float:
        """For leases."""
        if self._is_shared:
            return float(connection.execute(_PG_NOW).scalar_one())
        return self._boot()

    def moment(self, now_s: float) -> datetime:
        """For people: the date of `now_s`; a jump of the wall clock is only seen after a restart."""
        if self._is_shared:
            return datetime.fromtimestamp(now_s, UTC)
        return self._began_at + timedelta(seconds=now_s - self._began_s)
