"""What servers share through a real Redis, and through a real PostgreSQL while Redis is away."""

import asyncio
from collections.abc import Iterator

import pytest
from tests.brokers import Broker
from tests.cluster_house import new_database
from tests.databases import open_postgresql

from steadfast.admission.rate import Rate, RateLimit
from steadfast.cluster.redis_sharing import RedisSharing
from steadfast.cluster.shared_rates import SharedRates
from steadfast.database.database import Database


@pytest.fixture
def database(postgresql: str) -> Iterator[Database]:
    database = open_postgresql(new_database(postgresql))
    yield database
    database.close()


@pytest.fixture
def sharing(redis: Broker) -> Iterator[RedisSharing]:
    if redis.process is None:
        redis.start()
    redis.wipe()
    sharing = RedisSharing(redis.url)
    yield sharing
    sharing.close()


def limit() -> RateLimit:
    """A request a minute, three at once."""
    made = RateLimit(Rate(per_s=1 / 60, burst=3), clock=lambda: 1_000.0)
    made.share()
    return made


def let_in(limit: RateLimit, count: int, client: str = "alice") -> int:
    """How many of so many requests are let in."""
    done = 0
    for _ in range(count):
        if not limit.wait_s(client):
            limit.take(client)
            done += 1
    return done


def exchange(limit: RateLimit, database: Database, sharing: RedisSharing | None) -> None:
    asyncio.run(SharedRates(lambda: {"key": limit}, database, sharing, every_s=0.1).exchange())


@pytest.mark.parametrize("through", ["redis", "database"])
def test_servers_count_as_one(through: str, database: Database, sharing: RedisSharing) -> None:
    shared = sharing if through == "redis" else None
    one, other = limit(), limit()
    assert let_in(other, 1) == 1
    exchange(other, database, shared)
    assert let_in(one, 1) == 1
    exchange(one, database, shared)
    assert let_in(one, 5) == 1, "three are the burst of both together"


def test_rates_go_on_through_the_database_while_redis_is_away(
    database: Database, sharing: RedisSharing, redis: Broker
) -> None:
    redis.stop()
    one, other = limit(), limit()
    for server in (one, other):
        assert let_in(server, 1) == 1
        exchange(server, database, sharing)
    assert sharing.is_away
    exchange(one, database, sharing)
    assert let_in(other, 5) == 1
    redis.start()


def test_an_answer_is_found_by_all_for_a_while_and_a_large_one_is_left_to_the_store(
    sharing: RedisSharing, redis: Broker
) -> None:
    another = RedisSharing(redis.url)
    sharing.keep("a name", b"an answer")
    sharing.keep("another", b"x" * (5 << 20))
    assert another.find("a name") == b"an answer"
    assert another.find("another") is None
    another.close()


def test_while_redis_is_away_nothing_is_found_and_nobody_waits_twice(
    sharing: RedisSharing, redis: Broker
) -> None:
    redis.stop()
    assert sharing.find("a name") is None
    assert sharing.is_away
    sharing.keep("a name", b"an answer")
    redis.start()
