"""A job that no server can do waits, says so, and is taken up when one comes that can."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.brokers import Broker
from tests.cluster_house import ClusterHouse, cluster_house

from steadfast.cluster.capability import needs_by
from steadfast.cluster.coverage import Coverage, Roster
from steadfast.jobs import queries
from steadfast.jobs.job import WaitsFor
from steadfast.jobs.tables import ATTEMPTS
from steadfast.jobs.transaction import JobDatabase

RULES = ("fault=special",)


@pytest.fixture
def house(redis: Broker, postgresql: str, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, postgresql, broker_url=redis.url) as built:
        built.jobs.close()
        built.jobs = JobDatabase(built.database, built.library, here=built.jobs.here, needs=needs_by(RULES))
        yield built


def test_a_job_says_that_no_server_can_do_it_until_one_comes_that_can(house: ClusterHouse) -> None:
    house.start_node("plain", cluster={"needs": RULES})
    job_id = house.submit(["abcdefgh"])
    lacking = waits_for(house, job_id)
    assert lacking is not None
    assert (lacking.capability, lacking.detail) == (
        "special",
        "It waits for a server with special; none is there.",
    )
    assert lacking.for_s is not None
    assert why(house) == "no server with special was there within a day"

    able = house.start_node("able", cluster={"needs": RULES, "capabilities": ("special",)})
    house.until(lambda: why(house) is None)
    assert waits_for(house, job_id) is None
    house.finish()
    assert owners(house) == {str(able.process.pid)}


def waits_for(house: ClusterHouse, job_id: str) -> WaitsFor | None:
    """As the server says it that is asked for the job."""

    async def ask() -> WaitsFor | None:
        roster = Roster(house.database, house.registry(), fresh_s=0.0)
        return await roster.waits_for(
            house.jobs.read_now(lambda connection: queries.get(connection, None, job_id))
        )

    return asyncio.run(ask())


def why(house: ClusterHouse) -> str | None:
    """As `steadfast cluster status` says it."""
    sight = house.registry().look()
    lack = Coverage(sight.nodes, at=sight.at).lack("fault", "special")
    return None if lack is None else lack.why


def owners(house: ClusterHouse) -> set[str]:
    """Processes that did something."""
    with house.database.reading() as connection:
        found = connection.execute(select(ATTEMPTS.c.lease_owner)).scalars()
        return {owner.split("/")[2] for owner in found}
