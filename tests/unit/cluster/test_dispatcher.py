"""As many messages as steps that nobody holds: told at once by who made them, and again by the chief."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec

import pytest
from tests.job_house import JobHouse

from steadfast.cluster.dispatcher import Dispatcher
from steadfast.cluster.message import MOST_MESSAGES, Errand
from steadfast.cluster.waiting_work import demand, steps_that_wait

P = ParamSpec("P")
NORMAL = Errand(capability="", priority=1)


class Queues:
    """A broker of nothing but counts."""

    def __init__(self) -> None:
        self.waiting: dict[Errand, int] = {}
        self.is_ready = True
        self.sent = 0

    async def top_up(self, wanted: Mapping[Errand, int]) -> Mapping[Errand, int] | None:
        found = {errand: self.waiting.get(errand, 0) for errand in wanted}
        for errand, count in wanted.items():
            self.sent += max(0, count - found[errand])
            self.waiting[errand] = max(found[errand], count)
        return found


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test on an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@asynccontextmanager
async def dispatching(house: JobHouse, queues: Queues, *, is_chief: bool = True) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(house.jobs, queues, is_chief=lambda: is_chief, every_s=0.01)
    deafen = dispatcher.hear()
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        deafen()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(queues: Queues, count: int) -> None:
    async with asyncio.timeout(60):
        while queues.waiting.get(NORMAL, 0) != count:
            await asyncio.sleep(0)


@in_loop
async def test_who_commits_work_tells_of_it_though_he_is_not_the_chief(house: JobHouse) -> None:
    queues = Queues()
    async with dispatching(house, queues, is_chief=False):
        house.submit()
        await until(queues, 1)


@in_loop
async def test_the_chief_sends_again_what_a_wiped_broker_forgot(house: JobHouse) -> None:
    queues = Queues()
    house.submit()
    house.submit(content="another")
    async with dispatching(house, queues):
        await until(queues, 2)
        queues.waiting.clear()
        await until(queues, 2)


@in_loop
async def test_what_is_held_by_somebody_is_not_told_of_again(house: JobHouse) -> None:
    queues = Queues()
    house.submit()
    assert house.take() is not None
    async with dispatching(house, queues) as dispatcher:
        await dispatcher.send([NORMAL])
        assert queues.sent == 0


@in_loop
async def test_nothing_is_asked_of_a_broker_that_is_away(house: JobHouse) -> None:
    queues = Queues()
    queues.is_ready = False
    house.submit()
    async with dispatching(house, queues) as dispatcher:
        await dispatcher.send([NORMAL])
        assert queues.sent == 0
        queues.is_ready = True
        await until(queues, 1)


def test_no_more_messages_are_wanted_than_would_wake_anybody(house: JobHouse) -> None:
    job_id = house.submit()
    update = f"UPDATE jobs SET ready_steps = {10 * MOST_MESSAGES} WHERE id = '{job_id}'"
    house.jobs.write_now(lambda t: t.connection.exec_driver_sql(update))
    assert house.jobs.read_now(lambda c: steps_that_wait(c, [NORMAL])) == {NORMAL: MOST_MESSAGES}


def test_demand_counts_steps_and_the_time_that_they_will_take(house: JobHouse) -> None:
    house.submit()
    lease = house.take()
    assert lease is not None
    house.plan(lease, segments=3)
    now_s = house.clock.wall.timestamp() + 60.0
    (found,) = house.jobs.read_now(lambda connection: demand(connection, now_s))
    assert (found.capability, found.steps) == ("", 3)
    assert found.device_s == pytest.approx(12.0)  # 12 units of which nothing is known: a second each
    assert found.oldest_s == pytest.approx(60.0, abs=1.0)
    segment = house.take()
    assert segment is not None
    house.clock.turn(2.0)
    house.segment(segment)  # 4 units in two seconds, whatever a device had to do with it
    (found,) = house.jobs.read_now(lambda connection: demand(connection, now_s))
    assert found.steps == 2
    assert found.device_s == pytest.approx(4.0)
