"""The same promises of jobs, whatever carries them: one machine alone, or many with either broker.

`local`: SQLite, a folder, one server. `rabbitmq` and `redis`: PostgreSQL, S3, that broker, two nodes that are
processes of their own; jobs come through the database, as from any API server.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.brokers import Broker
from tests.cluster_house import ClusterHouse, cluster_house
from tests.s3_server import S3Server

from steadfast.jobs import control, queries
from steadfast.jobs.job import JobPriority, JobState


@pytest.fixture(params=["local", "rabbitmq", "redis"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClusterHouse]:
    if request.param == "local":
        with cluster_house(tmp_path, None, broker_url=None) as built:
            built.start_node(workers=2, role="all")
            yield built
        return
    broker: Broker = request.getfixturevalue(request.param)
    s3: S3Server = request.getfixturevalue("s3")
    postgresql: str = request.getfixturevalue("postgresql")
    with cluster_house(tmp_path, postgresql, broker_url=broker.url, s3_url=s3.url) as built:
        built.start_nodes(2)
        yield built


def test_jobs_of_every_shape_are_done_once_and_whole(house: ClusterHouse) -> None:
    for number in range(4):
        texts = [f"job {number} item {item} with some text" for item in range(1 + number % 3)]
        house.submit(texts, priority=JobPriority(number % 3), owner=f"key-{number % 2}", seconds=0.02)
    house.finish()


def test_a_cancelled_job_stops_within_seconds_and_the_others_go_on(house: ClusterHouse) -> None:
    long = house.submit(["abcdefghijklmnop" * 8], seconds=0.5)
    house.until(lambda: bool(house.leases()))
    house.jobs.write_now(lambda t: control.cancel(t, None, long))
    del house.texts[long]
    house.submit(["short"], seconds=0.02)
    house.finish()
    assert house.count(JobState.CANCELLED) == 1
    house.until(lambda: not house.leases(), within_s=5.0)


def test_a_paused_job_waits_and_goes_on_where_it_was(house: ClusterHouse) -> None:
    job = house.submit(["abcdefghijklmnop" * 2], seconds=0.1)
    house.until(lambda: bool(house.leases()))
    house.jobs.write_now(lambda t: control.pause(t, None, job))
    house.until(lambda: not house.leases())
    house.jobs.write_now(lambda t: control.resume(t, None, job))
    house.finish()


def test_an_urgent_job_overtakes_those_that_wait(house: ClusterHouse) -> None:
    for number in range(6):
        house.submit([f"patient {number} " * 2], priority=JobPriority.LOW, seconds=0.1)
    house.until(lambda: house.count(JobState.RUNNING) > 0)
    urgent = house.submit(["now"], priority=JobPriority.HIGH, seconds=0.02)
    house.until(lambda: house.state(urgent) is JobState.SUCCEEDED)
    house.finish()
    jobs = [house.jobs.read_now(partial(queries.get, owner=None, job_id=job)) for job in house.texts]
    ends = {job.id: job.ended_at for job in jobs if job.ended_at is not None}
    before = [end for end in ends.values() if end < ends[urgent]]
    assert len(before) <= 2, "of the six patient ones two at most were before it"
