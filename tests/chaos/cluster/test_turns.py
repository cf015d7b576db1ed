"""Many short jobs on three nodes: whose turn it is, and that nothing is done twice, however often it is told.

Some hundred jobs by default; `STEADFAST_CHAOS_FULL=1` takes the two thousand of the promise.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.brokers import Broker
from tests.cluster_house import ClusterHouse, cluster_house

from steadfast.cluster.celery_app import make_app
from steadfast.cluster.message import TASK_NAME, Errand
from steadfast.jobs.job import JobPriority
from steadfast.jobs.tables import ATTEMPTS, JOBS

FULL = os.environ.get("STEADFAST_CHAOS_FULL") == "1"
JOBS_IN_ALL = 2_000 if FULL else 120
STEP_S = 0.05
A_RUNNING_STEP = timedelta(seconds=0.5)
"""What a step may take on a busy machine: while it runs, whoever is more urgent waits."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One attempt, and since when it could have been begun."""

    owner: str
    priority: int
    ready_at: datetime
    begun_at: datetime
    ended_at: datetime


@pytest.fixture
def house(redis: Broker, postgresql: str, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, postgresql, broker_url=redis.url) as built:
        yield built


def test_the_urgent_never_wait_behind_the_patient_and_keys_share_in_equal_parts(house: ClusterHouse) -> None:
    at_first = JOBS_IN_ALL * 5 // 6
    for number in range(at_first):
        # The crowd comes first, and somebody behind it.
        _submit(house, number, "crowd" if number < JOBS_IN_ALL // 2 else "single")
    house.start_nodes(3, workers=2, seconds=STEP_S, jobs={"lease_s": 20.0})
    for number in range(at_first, JOBS_IN_ALL):  # the urgent come among those that wait
        _submit(house, number, "late")
    house.finish(within_s=600.0)
    steps = steps_of(house)
    assert len(steps) == 3 * JOBS_IN_ALL
    inverted = [
        (late, early)
        for late in steps
        for early in steps
        if early.priority < late.priority
        and late.ready_at + A_RUNNING_STEP < early.begun_at < late.begun_at - A_RUNNING_STEP
    ]
    assert not inverted, (
        f"{len(inverted)} steps were begun before more urgent ones that waited: {inverted[:3]}"
    )
    for priority in JobPriority:
        assert_shared(sorted((s for s in steps if s.priority == priority), key=lambda s: s.begun_at))


def _submit(house: ClusterHouse, number: int, owner: str) -> None:
    house.submit([f"{number:04}"], owner=owner, priority=JobPriority(number % 3))


def assert_shared(steps: list[Step]) -> None:
    """While both keys wait, each gets about half of what is begun for either."""
    begun = {key: [step.begun_at for step in steps if step.owner == key] for key in ("crowd", "single")}
    over = min(max(times) for times in begun.values())
    crowd, single = (sum(time <= over for time in begun[key]) for key in ("crowd", "single"))
    assert 0.35 < single / (crowd + single) < 0.65, (crowd, single)


def steps_of(house: ClusterHouse) -> list[Step]:
    """Every attempt in the order of its job: plan, segment, join, each ready when the one before ended."""
    columns = ATTEMPTS.c.job_id, ATTEMPTS.c.began_at, ATTEMPTS.c.ended_at
    query = select(*columns, JOBS.c.owner, JOBS.c.priority, JOBS.c.created_at)
    query = query.join(JOBS, JOBS.c.id == ATTEMPTS.c.job_id).order_by(ATTEMPTS.c.job_id, ATTEMPTS.c.id)
    found: list[Step] = []
    job_id, ready_at = "", datetime.min.replace(tzinfo=UTC)
    with house.database.reading() as connection:
        for row in connection.execute(query).all():
            ready_at = ready_at if row.job_id == job_id else row.created_at
            found.append(
                Step(
                    owner=row.owner,
                    priority=row.priority,
                    ready_at=ready_at,
                    begun_at=row.began_at,
                    ended_at=row.ended_at,
                )
            )
            job_id, ready_at = row.job_id, row.ended_at
    return found


def test_messages_that_come_many_times_have_a_step_done_once(house: ClusterHouse, redis: Broker) -> None:
    house.start_nodes(2, workers=2)
    house.submit(["abcdefgh"], per_segment=8, seconds=3.0)
    house.until(lambda: bool(house.leases()))
    for _ in range(20):
        tell(redis, Errand(capability="", priority=int(JobPriority.NORMAL)), house.queue_prefix)
    house.until(lambda: sum(house.leases().values()) <= 1)
    house.finish()
    assert len(steps_of(house)) == 3


@pytest.mark.skipif(not FULL, reason="takes longer than a broker's timeout: STEADFAST_CHAOS_FULL=1")
def test_a_step_that_takes_longer_than_the_brokers_patience_is_done_once(house: ClusterHouse) -> None:
    """Celery on Redis gives a message to another worker after its visibility timeout: here ten leases."""
    house.start_nodes(2, workers=2, jobs={"lease_s": 2.0})
    house.submit(["a" * 100], per_segment=100, seconds=35.0)
    house.finish(within_s=120.0)
    assert len(steps_of(house)) == 3


def tell(broker: Broker, errand: Errand, prefix: str) -> None:
    """Sends one message."""
    queue = errand.queue(prefix)
    app = make_app(broker.url, (queue,))
    with app.connection_for_write() as connection:
        app.send_task(
            TASK_NAME, kwargs=errand.body(), connection=connection, routing_key=queue, ignore_result=True
        )
