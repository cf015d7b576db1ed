"""Rates that hold for all servers together, though no request waits for another machine.
 Each server decides by the buckets it has, and several times a second tells the others what it let in and
hears where the buckets stand. So a client may get a little more than its rate in the time between two
exchanges, once; the long run is exact. Through Redis; while that is away, or where there is none, through the
database and more seldom.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from sqlalchemy import BindParameter, Float, bindparam, delete, func
from sqlalchemy.dialects import postgresql

from steadfast.admission.rate import RateLimit
from steadfast.cluster.tables import RATE_BUCKETS
from steadfast.database.database import Database
from steadfast.errors import DatabaseProblem
from steadfast.jobs.store_clock import StoreClock

_log = logging.getLogger(__name__)

_KNOWN_S = 30.0
"""For which a client that was seen here is asked about: it may be busy elsewhere."""
_MOST_CLIENTS = 1_000
"""In one exchange."""
_BY_DATABASE = 10
"""Times the usual pause, where the database is asked."""
_SWEEP_EVERY_S = 300.0


class QuickShare(Protocol):
    """Redis, as far as this file needs it."""

    @property
    def is_away(self) -> bool:
        """Whether it failed a moment ago."""

    def take(self, kind: str, taken: Mapping[str, int], interval_s: float) -> dict[str, float] | None:
        """Counts requests by client; the time until each bucket is full. None: it cannot be asked now."""


class SharedRates:
    """One per server; lives on its event loop."""

    def __init__(
        self,
        limits: Callable[[], Mapping[str, RateLimit]],
        database: Database,
        redis: QuickShare | None,
        *,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limits`: those that hold now, by kind; `clock` is monotonic."""
        self._limits = limits
        self._database = database
        self._store_clock = StoreClock(database)
        self._redis = redis
        self._every_s = every_s
        self._clock = clock
        self._seen: dict[tuple[str, str], float] = {}
        self._swept_s = 0.0

    async def run(self) -> None:
        """Exchanges for ever."""
        while True:
            by_redis = self._redis is not None and not self._redis.is_away
            await asyncio.sleep(self._every_s if by_redis else self._every_s * _BY_DATABASE)
            await self.exchange()

    async def exchange(self) -> None:
        """Tells what was let in here, and hears where everybody stands."""
        for kind, limit in self._limits().items():
            if not limit.interval_s:
                continue
            limit.share()
            taken = limit.told()
            asked = self._with_those_seen(kind, taken)
            if not asked:
                continue
            found = await asyncio.to_thread(self._count, kind, asked, limit.interval_s)
            if found is None:
                limit.tell_again(taken)
            else:
                limit.heard(found)

    def _with_those_seen(self, kind: str, taken: Mapping[str, int]) -> dict[str, int]:
        now_s = self._clock()
        self._seen |= {(kind, client): now_s for client in taken}
        self._seen = {name: at_s for name, at_s in self._seen.items() if now_s - at_s < _KNOWN_S}
        latest = [client for (one, client) in reversed(self._seen) if one == kind][:_MOST_CLIENTS]
        return dict.fromkeys(latest, 0) | dict(taken)

    def _count(self, kind: str, taken: Mapping[str, int], interval_s: float) -> dict[str, float] | None:
        if self._redis is not None and (found := self._redis.take(kind, taken, interval_s)) is not None:
            return found
        try:
            return self._count_in_database(kind, taken, interval_s)
        except DatabaseProblem as error:
            _log.warning("rates not shared", extra={"code": error.code})
            return None

    def _count_in_database(self, kind: str, taken: Mapping[str, int], interval_s: float) -> dict[str, float]:
        rests = {}
        with self._database.writing() as connection:
            now_s = self._store_clock.now_s(connection)
            for client in sorted(taken):  # in one order, so that two servers don't wait for each other
                names = {"of": f"{kind}:{client}"[:200], "now_s": now_s, "more_s": taken[client] * interval_s}
                rests[client] = max(0.0, connection.execute(_TAKE, names).scalar_one() - now_s)
            if self._clock() - self._swept_s > _SWEEP_EVERY_S:
                self._swept_s = self._clock()
                connection.execute(delete(RATE_BUCKETS).where(RATE_BUCKETS.c.full_at_s < now_s))
        return rests


_now: BindParameter[float] = bindparam("now_s", type_=Float)
_more: BindParameter[float] = bindparam("more_s", type_=Float)
_new = postgresql.insert(RATE_BUCKETS).values(client=bindparam("of"), full_at_s=_now + _more)
_TAKE = _new.on_conflict_do_update(
    index_elements=["client"],
    set_={"full_at_s": func.greatest(RATE_BUCKETS.c.full_at_s, _now) + _more},
).returning(RATE_BUCKETS.c.full_at_s)
