"""Three nodes on hosts of their own: one is cut off, one dies with its network, clocks are wrong.

Short by default; `STEADFAST_CHAOS_FULL=1` cuts off for the whole minute and uses RabbitMQ as well.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.brokers import Broker, rabbitmq_server, redis_server
from tests.cluster_house import LEASE_S, ClusterHouse, NodeProcess, cluster_house
from tests.databases import postgresql_server
from tests.network_hosts import Network, network_of_hosts
from tests.s3_server import s3_server

from steadfast.jobs.job import JobState
from steadfast.jobs.tables import ATTEMPTS

FULL = os.environ.get("STEADFAST_CHAOS_FULL") == "1"
CUT_OFF_S = 60.0 if FULL else 3.0 * LEASE_S
SKEW_S = 600.0
_FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with network_of_hosts(3) as made:
        yield made


@pytest.fixture(scope="module")
def database_host(network: Network) -> Iterator[str]:
    with postgresql_server(network.address):
        yield network.address


@pytest.fixture(scope="module", params=["redis", "rabbitmq"] if FULL else ["redis"])
def broker(network: Network, request: pytest.FixtureRequest) -> Iterator[Broker]:
    server = redis_server if request.param == "redis" else rabbitmq_server
    with server(network.address) as running:
        yield running


@pytest.fixture
def house(network: Network, database_host: str, broker: Broker, tmp_path: Path) -> Iterator[ClusterHouse]:
    with (
        s3_server(host=network.address) as s3,
        cluster_house(tmp_path, database_host, broker_url=broker.url, s3_url=s3.url) as built,
    ):
        yield built


def _start_on(house: ClusterHouse, network: Network) -> list[NodeProcess]:
    nodes = [house.start_node(wait=False, prefix=host.prefix) for host in network.hosts]
    for node in nodes:
        house.until((node.data_dir / "up").exists, node=node)
    return nodes


def test_what_a_host_held_that_was_cut_off_is_done_by_others_and_counts_once(
    house: ClusterHouse, network: Network
) -> None:
    nodes, cut = _start_on(house, network), network.hosts[0]
    for number in range(6):
        house.submit([f"job {number} is somewhat long"], seconds=0.5)
    house.until(lambda: house.leases()[nodes[0].name] > 0)
    cut.cut_off()
    began_s = time.monotonic()
    held = house.leases()[nodes[0].name]
    house.until(lambda: house.count(JobState.SUCCEEDED) == len(house.texts))
    house.until(lambda: time.monotonic() - began_s > CUT_OFF_S, CUT_OFF_S + 5.0)
    cut.plug_in()
    house.until(lambda: house.registry().get(nodes[0].name).silent_s < LEASE_S)
    house.finish()  # it is back, and what it had in its hands has changed nothing
    assert outcomes(house).get("lost", 0) >= held > 0

    def is_at_work_again() -> bool:
        if house.count(JobState.SUCCEEDED) == len(house.texts):  # the others have had it all
            house.submit(["and another job afterwards"] * 3, seconds=0.5)
        return house.leases()[nodes[0].name] > 0

    house.until(is_at_work_again)
    house.finish()


def test_wrong_clocks_change_nothing(house: ClusterHouse, network: Network) -> None:
    if _FAKETIME is None:
        (pytest.fail if os.environ.get("FAKETIME_REQUIRED") else pytest.skip)("faketime is not installed")
    ahead, behind = (_wrong_by(house, network, index, sign * SKEW_S) for index, sign in enumerate((1, -1)))
    right = house.start_node(prefix=network.hosts[2].prefix)
    for node in (ahead, behind):
        house.until((node.data_dir / "up").exists, node=node)
    for number in range(6):
        house.submit([f"job {number} of three clocks"], seconds=0.2)
    house.finish()
    assert outcomes(house).get("lost", 0) == 0, "a lease that holds is nobody else's, whatever his clock says"
    skews = {node.name: node.skew_s for node in house.registry().nodes()}
    assert skews[ahead.name] == pytest.approx(SKEW_S, abs=5.0)
    assert skews[behind.name] == pytest.approx(-SKEW_S, abs=5.0)
    assert skews[right.name] == pytest.approx(0.0, abs=5.0)
    # And one that does not hold is free when it ran out on the database's clock.
    for number in range(3):
        house.submit([f"job {number} whose host dies"], seconds=0.5)
    house.until(lambda: house.leases()[behind.name] > 0)
    behind.kill()
    house.until(lambda: house.leases()[behind.name] == 0, LEASE_S + 20.0)
    house.finish()


def _wrong_by(house: ClusterHouse, network: Network, index: int, seconds: float) -> NodeProcess:
    fake = {"LD_PRELOAD": str(_FAKETIME), "FAKETIME": f"{seconds:+.0f}s", "DONT_FAKE_MONOTONIC": "1"}
    # Its switch for the monotonic clock has had two names.
    fake |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return house.start_node(wait=False, prefix=network.hosts[index].prefix, environment=fake)


def outcomes(house: ClusterHouse) -> dict[str, int]:
    """How many attempts ended how."""
    query = select(ATTEMPTS.c.outcome, func.count()).group_by(ATTEMPTS.c.outcome)
    with house.database.reading() as connection:
        return {row.outcome: row[1] for row in connection.execute(query)}
