"""What all nodes share does badly: a database that restarts or stands still, a bucket that refuses and
forgets.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import select
from tests.brokers import Broker
from tests.cluster_house import ClusterHouse, cluster_house
from tests.databases import postgresql_server, restart_postgresql
from tests.s3_server import S3Server
from tests.serving_house import FAULTY, ServingHouse, serving

from steadfast.jobs.job import JobState
from steadfast.jobs.tables import ATTEMPTS, STEPS

FULL = os.environ.get("STEADFAST_CHAOS_FULL") == "1"
STANDS_STILL_S = 20.0 if FULL else 6.0
REFUSED = {503, 504}
PERMITTED = REFUSED | {200}
UNCACHED = {"cache_bytes": 0}


# --- the database -------------------------------------------------------------------------------------------


@pytest.fixture
def postgresql_alone() -> Iterator[Path]:
    with postgresql_server() as folder:
        yield Path(folder)


@pytest.fixture
def house(postgresql_alone: Path, redis: Broker, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, str(postgresql_alone), broker_url=redis.url) as built:
        yield built


@pytest.fixture
def server(house: ClusterHouse) -> Iterator[ServingHouse]:
    settings = FAULTY | {
        "STEADFAST_DATABASE__URL": str(house.database_url),
        "STEADFAST_DATABASE__BUSY_TIMEOUT_S": "3",
        "STEADFAST_BLOBS__URL": str(house.folder / "blobs"),
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
    }
    with serving(house.folder / "server", settings, spares=0) as running:
        yield running


def test_a_database_that_restarts_or_stands_still_delays_and_nothing_is_lost_or_doubled(
    house: ClusterHouse, server: ServingHouse, postgresql_alone: Path
) -> None:
    house.start_nodes(2)
    with asking(server) as answers:
        _submit_some(house, "before")
        restart_postgresql(postgresql_alone)
        house.finish()
        _submit_some(house, "after the restart")
        with standing_still(postgresql_alone):
            time.sleep(STANDS_STILL_S)
        house.finish()
        server.until(lambda: answers[-1] == 200)  # and is as it was
    assert set(answers) <= PERMITTED, Counter(answers)


def _submit_some(house: ClusterHouse, when: str) -> None:
    first = len(house.texts)
    for number in range(4):
        house.submit([f"job {number} {when}"], seconds=0.3)
    house.until(lambda: house.count(JobState.SUCCEEDED) >= first and bool(house.leases()))


@contextmanager
def asking(server: ServingHouse) -> Iterator[list[int]]:
    """Asks for the jobs again and again; statuses as they come. 0: no answer at all."""
    answers, is_over = [200], threading.Event()

    def ask() -> None:
        client = server.new_client()
        while not is_over.wait(0.05):
            try:
                answers.append(client.get("/v1/jobs", timeout=60.0).status_code)
            except httpx.HTTPError:
                answers.append(0)

    asked = threading.Thread(target=ask)
    asked.start()
    try:
        yield answers
    finally:
        is_over.set()
        asked.join(60)


@contextmanager
def standing_still(postgresql: Path) -> Iterator[None]:
    """Every process of that server is stopped: it takes connections and says nothing."""
    pid = int((postgresql / "data" / "postmaster.pid").read_text().splitlines()[0])
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for member in reversed(family):
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGCONT)


# --- the bucket ---------------------------------------------------------------------------------------------


@pytest.fixture
def bucket_house(postgresql: str, redis: Broker, s3: S3Server, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, postgresql, broker_url=redis.url, s3_url=s3.url) as built:
        yield built


def test_a_bucket_that_refuses_and_is_slow_only_delays(bucket_house: ClusterHouse, s3: S3Server) -> None:
    house = bucket_house
    house.start_nodes(2, seconds=0.05)
    s3.trouble.every_fails, s3.trouble.delay_s = 3, 0.05
    for number in range(3):
        house.submit([f"job {number} with text"])
    house.finish()
    assert s3.trouble.refused > 10
    with house.database.reading() as connection:
        failed = connection.execute(select(ATTEMPTS.c.code).where(ATTEMPTS.c.outcome == "failed")).all()
    assert not failed, "each request is tried again before a step is given up"


@pytest.mark.parametrize("cluster", [{}, UNCACHED], ids=["cached", "uncached"])
def test_a_truncated_object_is_found_by_its_sum_and_made_again(
    bucket_house: ClusterHouse, s3: S3Server, cluster: dict[str, int]
) -> None:
    house = bucket_house
    first = house.start_node(cluster=cluster)
    job_id = house.submit(["abcdefghijklmnopqrst"], seconds=0.5)
    house.until(lambda: len(_finished_segments(house, job_id)) >= 2)
    first.kill()  # another one joins, who has none of it on its disk
    spoilt = _finished_segments(house, job_id)[0]
    s3.truncate(_object_of(s3, spoilt))
    house.start_node(cluster=cluster)
    house.until(lambda: house.state(job_id) is JobState.SUCCEEDED)
    assert house.result(job_id) == "ABCDEFGHIJKLMNOPQRST"
    done = select(ATTEMPTS.c.number).where(ATTEMPTS.c.kind == "segment", ATTEMPTS.c.outcome == "done")
    with house.database.reading() as connection:
        counts = Counter(connection.execute(done).scalars())
    assert sorted(counts.values()) == [1, 1, 1, 1, 2], "the one that was spoilt is made again, no other"


def _finished_segments(house: ClusterHouse, job_id: str) -> list[str]:
    done = select(STEPS.c.blob).where(
        STEPS.c.job_id == job_id, STEPS.c.kind == "segment", STEPS.c.state == "done"
    )
    with house.database.reading() as connection:
        return list(connection.execute(done.order_by(STEPS.c.number)).scalars())


def _object_of(s3: S3Server, address: str) -> str:
    """The name in the bucket of a file by its sum."""
    (found,) = [name for name in s3.objects if address.rpartition("/")[2] in name]
    return str(found)
