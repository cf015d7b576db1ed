"""Rates hold for all servers together, though no request waits for another machine."""

import asyncio
from collections.abc import Mapping

from steadfast.admission.rate import Rate, RateLimit
from steadfast.cluster.shared_rates import SharedRates
from steadfast.database.database import Database


class Clock:
    """A monotonic clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Redis:
    """Buckets that all servers of a test see."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.full_at_s: dict[str, float] = {}
        self.is_away = False

    def take(self, kind: str, taken: Mapping[str, int], interval_s: float) -> dict[str, float] | None:
        if self.is_away:
            return None
        for client, count in taken.items():
            full_at_s = max(self.clock(), self.full_at_s.get(f"{kind}:{client}", 0.0))
            self.full_at_s[f"{kind}:{client}"] = full_at_s + count * interval_s
        return {client: self.full_at_s[f"{kind}:{client}"] - self.clock() for client in taken}


def servers(database: Database, clock: Clock, redis: Redis | None, count: int = 2) -> list["Server"]:
    return [Server(database, clock, redis) for _ in range(count)]


class Server:
    """A limit of two requests a second, five at once."""

    def __init__(self, database: Database, clock: Clock, redis: Redis | None) -> None:
        self.limit = RateLimit(Rate(per_s=2.0, burst=5), clock=clock)
        self.limit.share()
        self.rates = SharedRates(lambda: {"key": self.limit}, database, redis, every_s=0.1, clock=clock)

    def ask(self, client: str = "alice") -> bool:
        if self.limit.wait_s(client) > 0:
            return False
        self.limit.take(client)
        return True

    def exchange(self) -> None:
        asyncio.run(self.rates.exchange())


def test_what_one_server_let_in_counts_at_the_others(database: Database) -> None:
    clock = Clock()
    one, other = servers(database, clock, Redis(clock))
    assert other.ask()  # so that it knows of her
    other.exchange()
    assert [one.ask() for _ in range(4)] == [True] * 4
    one.exchange()
    other.exchange()
    assert not other.ask(), "five were let in by both together"
    clock.now_s += 0.6
    assert other.ask(), "half a second later there is room for one more"


def test_what_comes_in_while_servers_exchange_is_counted_too(database: Database) -> None:
    clock = Clock()
    redis = Redis(clock)
    (one,) = servers(database, clock, redis, 1)
    one.ask()

    class Slow(Redis):
        def take(self, kind: str, taken: Mapping[str, int], interval_s: float) -> dict[str, float] | None:
            assert one.ask()  # a request, while the answer is on its way
            return redis.take(kind, taken, interval_s)

    one.rates._redis = Slow(clock)
    one.exchange()
    assert [one.ask() for _ in range(4)] == [True, True, True, False]


def test_what_could_not_be_told_is_told_at_the_next_time(database: Database) -> None:
    clock = Clock()
    redis = Redis(clock)
    (one,) = servers(database, clock, redis, 1)
    one.ask()
    one.rates._count_in_database = lambda *_: None  # type: ignore[assignment]  # neither is there
    redis.is_away = True
    one.exchange()
    redis.is_away = False
    one.exchange()
    assert redis.full_at_s["key:alice"] == clock.now_s + 0.5


def test_a_bucket_that_nobody_limits_is_not_exchanged(database: Database) -> None:
    clock = Clock()
    redis = Redis(clock)
    limit = RateLimit(Rate(per_s=0.0, burst=1), clock=clock)
    asyncio.run(SharedRates(lambda: {"key": limit}, database, redis, every_s=0.1, clock=clock).exchange())
    assert redis.full_at_s == {}
