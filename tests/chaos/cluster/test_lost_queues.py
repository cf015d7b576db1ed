"""A queue that RabbitMQ lists and has lost is deleted and made anew by the servers themselves.

A broker that is killed within seconds of a queue's first declaration loses it now and then; here the queue's
own process is ended, which is the same to all who use it and happens every time.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.brokers import Broker
from tests.cluster_house import ClusterHouse, NodeProcess, cluster_house

from steadfast.cluster.celery_app import make_app
from steadfast.cluster.lost_queues import delete_lost_queues


@pytest.fixture
def house(rabbitmq: Broker, postgresql: str, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, postgresql, broker_url=rabbitmq.url) as built:
        yield built


def lose(broker: Broker, queue: str) -> None:
    """The broker goes on listing it."""
    broker.rabbitmqctl("eval", f'ra:stop_server(quorum_queues, {{list_to_atom("%2F_{queue}"), node()}}).')


def is_served(house: ClusterHouse, node: NodeProcess) -> bool:
    """Whether its messenger says that messages come and go."""
    return house.registry().get(node.name).facts.broker == "ready"


def test_a_queue_that_the_broker_has_lost_is_made_anew_and_messages_come_again(
    house: ClusterHouse, rabbitmq: Broker
) -> None:
    node = house.start_node()
    house.until(lambda: is_served(house, node))
    house.submit(["abcdefgh"])
    house.finish()
    queue = next(name for name in house.queues() if name.endswith("any.normal"))
    lose(rabbitmq, queue)
    house.submit(["and it is found out with the next job"])
    house.finish()  # by looking into the database
    house.until(lambda: "broker had lost a queue" in node.log)
    house.until(lambda: is_served(house, node))
    app = make_app(rabbitmq.url)
    assert delete_lost_queues(app, [queue]) == 0
    house.submit(["and one more"])
    house.finish()


def test_queues_that_answer_or_are_not_there_are_left_alone(rabbitmq: Broker) -> None:
    app = make_app(rabbitmq.url)
    assert delete_lost_queues(app, ["never-declared"]) == 0
