"""Every change of a job is told to its receiver: in order, again after failures, counted once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.job_house import JobHouse

from steadfast.jobs import callback_queue, control
from steadfast.jobs.callback_post import CallOutcome
from steadfast.jobs.callback_queue import Call, CallState
from steadfast.jobs.events import CallbackTried
from steadfast.jobs.webhooks import WebhookCourier

TAKEN = CallOutcome(is_taken=True, is_final=True, detail="the receiver answered 200")
DOWN = CallOutcome(is_taken=False, is_final=False, detail="the receiver was not reached: ConnectError")
FORBIDDEN = CallOutcome(is_taken=False, is_final=True, detail="inside a network that may not be called")
URL = "https://receiver.test/hook"


class Receiver:
    """Takes calls as it is told to."""

    def __init__(self) -> None:
        self.outcome = TAKEN
        self.got: list[Call] = []
        self.running = 0
        self.most_running = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self, call: Call) -> CallOutcome:
        self.got.append(call)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        if self.gate is not None:
            await self.gate.wait()
        self.running -= 1
        return self.outcome

    @property
    def events(self) -> list[str]:
        return [call.event for call in self.got]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def courier(house: JobHouse, receiver: Receiver) -> Callable[[], WebhookCourier]:
    """Another one is what a restarted server has."""
    if house.jobs.database.options.file is None:  # PostgreSQL has its own clock
        house.clock.wall = datetime.now(UTC) + timedelta(minutes=1)
    return lambda: WebhookCourier(
        house.jobs, receiver, at_once=2, now=lambda: house.clock.wall, chance=lambda: 0.5
    )


def go(courier: WebhookCourier, rounds: int = 1) -> None:
    async def story() -> None:
        for _ in range(rounds):
            await courier.work()
            await courier.settle()

    asyncio.run(story())


def calls(house: JobHouse, job_id: str) -> list[Call]:
    return house.jobs.read_now(lambda connection: callback_queue.calls_of(connection, job_id))


def told(house: JobHouse, job_id: str) -> list[tuple[str, str]]:
    from steadfast.jobs.history import entries_after

    entries = house.jobs.read_now(lambda connection: entries_after(connection, job_id, 0, 100))
    return [(entry.data["event"], entry.data["outcome"]) for entry in entries if entry.kind == "callback"]


def test_a_jobs_changes_are_told_in_order(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    job_id = house.submit(callback_url=URL, subject="person-7")
    house.finish()
    go(courier(), rounds=5)
    assert receiver.events == ["job.running", "job.succeeded"]
    body = msgspec.json.decode(receiver.got[-1].body)
    assert (body["job_id"], body["state"], body["before"]) == (job_id, "succeeded", "running")
    assert body["id"] == receiver.got[-1].id
    assert body["event_id"] > msgspec.json.decode(receiver.got[0].body)["event_id"]
    assert told(house, job_id) == [("job.running", "delivered"), ("job.succeeded", "delivered")]
    assert [fact.outcome for fact in house.of(CallbackTried)] == ["delivered", "delivered"]


def test_a_job_without_a_callback_calls_nobody(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    house.submit()
    house.finish()
    go(courier())
    assert receiver.got == []


def test_a_change_that_is_undone_is_not_told(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    job_id = house.submit(callback_url=URL)

    def cancel_and_fail(transaction: object) -> None:
        control.cancel(transaction, None, job_id)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        house.jobs.write_now(cancel_and_fail)
    go(courier())
    assert receiver.got == []


def test_a_receiver_that_is_down_is_called_again_with_growing_pauses_and_the_rest_waits_its_turn(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    job_id = house.submit(callback_url=URL)
    house.finish()
    receiver.outcome = DOWN
    here, pauses = courier(), []
    for _ in range(12):
        go(here)
        (first, second) = calls(house, job_id)
        assert (second.state, second.attempts) == (CallState.WAITING, 0)
        pauses.append((first.due_at - house.clock.wall).total_seconds())
        house.clock.turn(pauses[-1])
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert max(pauses) == 900.0
    receiver.outcome = TAKEN
    go(courier(), rounds=3)  # of a server that was restarted
    assert receiver.events[-2:] == ["job.running", "job.succeeded"]
    assert len({call.body for call in receiver.got if call.event == "job.running"}) == 1
    assert told(house, job_id)[0] == ("job.running", "retrying")
    assert len(told(house, job_id)) == 3, "every failure in between would flood the job's history"


def test_after_a_day_it_is_given_up_and_that_is_recorded(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    job_id = house.submit(callback_url=URL)
    house.took()
    receiver.outcome = DOWN
    go(courier())
    house.clock.turn(25 * 3600)
    go(courier())
    (call,) = calls(house, job_id)
    assert (call.state, call.attempts) == (CallState.GIVEN_UP, 2)
    assert told(house, job_id)[-1] == ("job.running", "given_up")


def test_what_may_not_be_called_is_refused_once_and_recorded(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    job_id = house.submit(callback_url=URL)
    house.took()
    receiver.outcome = FORBIDDEN
    go(courier(), rounds=3)
    (call,) = calls(house, job_id)
    assert (call.state, call.attempts, call.detail) == (CallState.REFUSED, 1, FORBIDDEN.detail)
    assert told(house, job_id) == [("job.running", "refused")]


def test_one_receiver_has_one_call_at_a_time_and_holds_up_no_other(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    for n in range(3):
        house.submit(callback_url=URL)
        house.submit(callback_url=f"https://other{n}.test/")
    while house.take() is not None:
        pass

    async def story() -> None:
        receiver.gate, here = asyncio.Event(), courier()
        await here.work()
        await here.work()
        await asyncio.sleep(0)
        assert receiver.running == 2, "as many at once as are allowed"
        assert len({call.url for call in receiver.got}) == 2
        receiver.gate.set()
        for _ in range(20):
            await here.settle()
            await here.work()
        await here.settle()

    asyncio.run(story())
    assert receiver.most_running == 2
    assert len(receiver.got) == 6


def test_a_call_that_a_server_died_with_is_made_again_by_another_but_not_at_the_same_time(
    house: JobHouse, receiver: Receiver, courier: Callable[[], WebhookCourier]
) -> None:
    house.submit(callback_url=URL)
    house.took()

    async def die_with_it() -> None:
        receiver.gate, here = asyncio.Event(), courier()
        await here.work()
        await asyncio.sleep(0)
        await courier().work()  # another node
        assert len(receiver.got) == 1

    asyncio.run(die_with_it())
    receiver.gate = None
    house.clock.turn(timedelta(minutes=3).total_seconds())
    go(courier())
    assert [call.id for call in receiver.got] == [receiver.got[0].id] * 2
