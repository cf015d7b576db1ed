"""Servers that the tests of clusters share; each test has a database and queues of its own."""

from collections.abc import Iterator

import pytest
from tests.brokers import Broker, rabbitmq_server, redis_server
from tests.databases import postgresql_server
from tests.s3_server import S3Server, s3_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The folder of a server's socket."""
    with postgresql_server() as folder:
        yield folder


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Broker]:
    with rabbitmq_server() as broker:
        yield broker


@pytest.fixture(scope="session")
def redis() -> Iterator[Broker]:
    with redis_server() as broker:
        yield broker


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server
