"""Nodes that die or freeze, brokers that forget or go away: nothing is lost, nothing counts twice.

Short by default; with `STEADFAST_CHAOS_FULL=1` the broker is away for the whole minute.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.brokers import Broker
from tests.cluster_house import LEASE_S, ClusterHouse, cluster_house

from steadfast.jobs.job import JobState
from steadfast.jobs.tables import ATTEMPTS

FULL = os.environ.get("STEADFAST_CHAOS_FULL") == "1"
AWAY_S = 60.0 if FULL else 0.0
"""At least: as long as the work of the meantime takes anyhow."""
DISPATCH_AGAIN_WITHIN_S = 30.0
QUEUES_WRITTEN_WITHIN_S = 6.0
"""RabbitMQ that is killed seconds after a quorum queue was made may lose it for good: decision 0022."""


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(getattr(request, "param", "rabbitmq"))
    if found.process is None:
        found.start()
    return found


@pytest.fixture
def house(broker: Broker, postgresql: str, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, postgresql, broker_url=broker.url) as built:
        broker.queues = built.queues()
        yield built


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"], indirect=True)
def test_what_a_killed_node_held_runs_elsewhere_within_one_lease(house: ClusterHouse) -> None:
    first, _, _ = house.start_nodes(3)
    for number in range(6):
        house.submit([f"job {number} is somewhat long"], seconds=0.4)
    house.until(lambda: house.leases()[first.name] > 0)
    first.kill()
    held = house.leases()[first.name]
    assert held > 0
    # The chief looks every two seconds for leases that ran out.
    house.until(lambda: house.leases()[first.name] == 0, LEASE_S + 10.0)
    house.finish()  # every result is what it should be, letter by letter
    assert _outcomes(house)["lost"] == held


def test_the_late_work_of_a_frozen_node_is_refused(house: ClusterHouse) -> None:
    frozen, _ = house.start_nodes(2)
    house.submit(["abcdefghijklmnopqrstuvwxyz"], seconds=0.5)
    house.submit(["zyxwvutsrqponmlkjihgfedcba"], seconds=0.5)
    house.until(lambda: house.leases()[frozen.name] > 0)
    frozen.signal(signal.SIGSTOP)
    held = house.leases()[frozen.name]
    house.until(lambda: house.count(JobState.SUCCEEDED) == 2)
    frozen.signal(signal.SIGCONT)
    house.until(lambda: house.registry().get(frozen.name).silent_s < 2.0)
    house.finish()
    assert _outcomes(house)["lost"] >= held > 0
    # It is one of them again.
    house.submit(["again" * 8], seconds=0.3)
    house.submit(["and again" * 8], seconds=0.3)
    house.until(lambda: house.leases()[frozen.name] > 0)
    house.finish()


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"], indirect=True)
def test_messages_that_are_wiped_cost_no_job(house: ClusterHouse, broker: Broker) -> None:
    house.start_nodes(2)
    for number in range(6):
        house.submit([f"job {number} with text"], seconds=0.2)
    house.until(lambda: house.count(JobState.RUNNING) > 0)
    for _ in range(3):
        broker.wipe()
        time.sleep(0.5)  # the broker is wiped at another moment of the work
    house.finish()


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"], indirect=True)
def test_work_goes_on_while_the_broker_is_away_and_is_told_of_again_when_it_is_back(
    house: ClusterHouse, broker: Broker
) -> None:
    house.start_nodes(2)
    began_s = time.monotonic()
    house.submit(["some text before"], seconds=0.2)
    house.until(lambda: house.count(JobState.RUNNING) > 0)
    house.until(lambda: time.monotonic() - began_s > QUEUES_WRITTEN_WITHIN_S)
    broker.stop()
    stopped_s = time.monotonic()
    house.submit(["and some while it is away"], seconds=0.1)
    house.finish()
    house.until(lambda: time.monotonic() - stopped_s >= AWAY_S, AWAY_S + 5.0)
    broker.start()
    back_s = time.monotonic()
    house.until(lambda: all(node.facts.broker == "ready" for node in house.registry().nodes()))
    assert time.monotonic() - back_s < DISPATCH_AGAIN_WITHIN_S
    house.submit(["and some when it is back"], seconds=0.1)
    house.finish(DISPATCH_AGAIN_WITHIN_S)


def test_a_messenger_that_is_killed_is_replaced_and_its_step_counts_once(house: ClusterHouse) -> None:
    node = house.start_node()
    house.submit(["abcdefghijklmnopqrstuvwxyz"], seconds=0.4)
    seen: set[int] = set()

    def is_another_there() -> bool:
        messenger = house.messenger_of(node)
        return messenger is not None and messenger.pid not in seen

    for _ in range(2):
        house.until(lambda: house.leases()[node.name] > 0)
        house.until(is_another_there)
        messenger = house.messenger_of(node)
        assert messenger is not None
        seen.add(messenger.pid)
        messenger.kill()
    house.until(is_another_there)
    house.finish()
    assert _outcomes(house)["lost"] == 0


def test_a_drained_node_holds_nothing_and_a_cordoned_one_begins_nothing(house: ClusterHouse) -> None:
    from steadfast.cluster.node import NodeState, Wanted

    one, other = house.start_nodes(2)
    house.submit(["abcdefghijklmnopqrstuvwxyz" * 4], seconds=0.3)
    house.submit(["zyxwvutsrqponmlkjihgfedcba" * 4], seconds=0.3)
    house.until(lambda: house.leases()[one.name] > 0)
    registry = house.registry()
    registry.want(one.name, Wanted.DRAINED)
    house.until(lambda: registry.get(one.name).state is NodeState.DRAINED)
    assert house.leases()[one.name] == 0
    registry.want(one.name, Wanted.ACTIVE)
    registry.want(other.name, Wanted.CORDONED)
    house.until(lambda: registry.get(other.name).state is NodeState.CORDONED)
    house.until(lambda: house.leases()[other.name] == 0)
    house.until(lambda: house.leases()[one.name] > 0)
    assert house.leases()[other.name] == 0
    registry.want(other.name, Wanted.ACTIVE)
    house.finish()
    assert _outcomes(house)["lost"] == 0


def _outcomes(house: ClusterHouse) -> dict[str, int]:
    counts = {"done": 0, "lost": 0, "failed": 0, "given_back": 0}
    with house.database.reading() as connection:
        for outcome in connection.execute(select(ATTEMPTS.c.outcome)).scalars():
            counts[outcome] += 1
    return counts
