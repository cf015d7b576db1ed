"""From a job's change to a real receiver and back into its history: down, slow, redirecting, well."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.databases import open_sqlite
from tests.http_receiver import MoodyReceiver
from tests.job_house import JobHouse, job_house

from steadfast.jobs.callback_guard import CallbackGuard
from steadfast.jobs.callback_post import SignedPost
from steadfast.jobs.history import entries_after
from steadfast.jobs.webhook_secrets import secret_of_key
from steadfast.jobs.webhooks import WebhookCourier
from steadfast.signature import signature


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    database = open_sqlite(tmp_path)
    with job_house(database, tmp_path) as built:
        yield built
    database.close()


async def resolve(name: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def go(
    house: JobHouse,
    *,
    rounds: int = 1,
    allowed: Sequence[str] = ("127.0.0.1/32",),
    timeout_s: float = 30.0,
) -> None:
    """What a server does, with a clock that the test turns."""

    async def story() -> None:
        post = SignedPost(
            CallbackGuard(allowed, resolve=resolve),
            secret="secret",
            timeout_s=timeout_s,
            wall_clock=house.clock.wall.timestamp,
        )
        courier = WebhookCourier(house.jobs, post, now=lambda: house.clock.wall, chance=lambda: 0.5)
        for _ in range(rounds):
            await courier.work()
            await courier.settle()

    asyncio.run(story())


def told(house: JobHouse, job_id: str) -> list[tuple[str, str, str]]:
    entries = house.jobs.read_now(lambda connection: entries_after(connection, job_id, 0, 100))
    calls = [entry.data for entry in entries if entry.kind == "callback"]
    return [(data["event"], data["outcome"], data["detail"]) for data in calls]


def test_a_receiver_that_is_down_then_slow_then_well_hears_everything_in_order(house: JobHouse) -> None:
    receiver = MoodyReceiver()
    port = receiver.port
    receiver.close()
    job_id = house.submit(callback_url=f"http://receiver.test:{port}/hook")
    house.finish()
    go(house)
    assert told(house, job_id) == [("job.running", "retrying", "the receiver was not reached: ConnectError")]
    receiver = MoodyReceiver(port)
    try:
        receiver.mood = "slow"
        house.clock.turn(5.1)
        go(house, timeout_s=2.0)
        assert [event for event, _, _ in receiver.got] == ["job.running"]
        receiver.over.set()
        receiver.mood = "well"
        house.clock.turn(10.1)
        go(house, rounds=3)
    finally:
        receiver.close()
    assert [event for event, _, _ in receiver.got] == ["job.running", "job.running", "job.succeeded"]
    assert [outcome for _, outcome, _ in told(house, job_id)] == ["retrying", "delivered", "delivered"]
    for _, signed, body in receiver.got:
        at, _, mark = signed.partition(",")
        assert mark == f"v1={signature(secret_of_key('secret', 'anna'), int(at.removeprefix('t=')), body)}"
        assert msgspec.json.decode(body)["job_id"] == job_id
    assert receiver.got[0][2] == receiver.got[1][2], "the same words at every attempt"


def test_a_redirect_to_the_metadata_address_is_refused_and_recorded(house: JobHouse) -> None:
    receiver = MoodyReceiver()
    try:
        receiver.mood = "redirecting"
        job_id = house.submit(callback_url=f"http://receiver.test:{receiver.port}/hook")
        lease = house.took()
        go(house, rounds=3)
    finally:
        receiver.close()
    assert len(receiver.got) == 1
    ((event, outcome, detail),) = told(house, job_id)
    assert (event, outcome) == ("job.running", "refused")
    assert "redirects are not followed" in detail
    house.do(lease)  # the job itself goes on


def test_a_name_that_leads_inside_is_refused_and_recorded_without_a_call(house: JobHouse) -> None:
    receiver = MoodyReceiver()
    try:
        job_id = house.submit(callback_url=f"http://receiver.test:{receiver.port}/hook")
        house.took()
        go(house, allowed=())
    finally:
        receiver.close()
    assert receiver.got == []
    assert [outcome for _, outcome, _ in told(house, job_id)] == ["refused"]
