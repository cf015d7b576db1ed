"""Alerts reach their channel, are tried again, and never hold anybody up."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.databases import Clock, open_migrated_sqlite
from tests.unit.health.alerts.incidents import change, incident, notice
from tests.unit.health.probes.surroundings import Hand

from steadfast.events import Event, subscribe
from steadfast.health.alerts.courier import Courier
from steadfast.health.alerts.delivery import DeliveryFailed
from steadfast.health.alerts.notice import Notice
from steadfast.health.alerts.outbox import Outbox
from steadfast.health.alerts.routes import Grouping, Route
from steadfast.health.events import AlertDelivered, AlertNotDelivered
from steadfast.health.incidents import Change


class Receiver:
    """Takes notices, or fails as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[Notice] = []

    def __call__(self, told: Notice) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(told)


def with_courier(
    folder: Path, receiver: Receiver, act: Callable[[Courier, Outbox, Clock], Any], channel: str = "slack"
) -> Any:
    """Lives as the service does, for one act."""

    async def live() -> Any:
        database, clock = open_migrated_sqlite(folder), Clock()
        box = Outbox(database, now=clock, keep_for=timedelta(days=1))
        group = Grouping(Route(channel="slack"), instance="i", group_s=0, per_hour=9, clock=Hand())
        courier = Courier(channels={channel: receiver}, groupings=[group], outbox=box, aside=database.run)
        try:
            return await act(courier, box, clock)
        finally:
            database.close()

    return asyncio.run(live())


def test_an_incident_reaches_its_channel(tmp_path: Path) -> None:
    receiver = Receiver()

    async def act(courier: Courier, box: Outbox, _: Clock) -> None:
        courier.add(change(Change.OPENED, incident()))
        await courier.work()
        assert box.waiting() == 0

    with_courier(tmp_path, receiver, act)
    assert [told.id for told in receiver.taken[0].incidents] == ["inc_1"]


def test_a_receiver_that_fails_is_tried_again_later_and_that_is_stated(tmp_path: Path) -> None:
    receiver = Receiver(DeliveryFailed("down"), DeliveryFailed("down"))
    stated: list[Event] = []
    deafen = subscribe(stated.append)

    async def act(courier: Courier, box: Outbox, clock: Clock) -> None:
        courier.add(change(Change.OPENED, incident()))
        for pause_s in (0, 1, 5, 11):
            clock.turn(seconds=pause_s)
            await courier.work()
        assert box.waiting() == 0

    with_courier(tmp_path, receiver, act)
    assert len(receiver.taken) == 1
    deafen()
    assert [type(event) for event in stated] == [AlertNotDelivered, AlertNotDelivered, AlertDelivered]


def test_a_receiver_that_will_never_take_it_is_asked_once(tmp_path: Path) -> None:
    receiver = Receiver(DeliveryFailed("no", is_final=True))

    async def act(courier: Courier, box: Outbox, _: Clock) -> None:
        courier.add(change(Change.OPENED, incident()))
        await courier.work()
        assert box.waiting() == 0

    with_courier(tmp_path, receiver, act)
    assert receiver.taken == []


def test_what_a_dead_server_has_left_is_delivered_by_the_next(tmp_path: Path) -> None:
    receiver = Receiver()

    async def act(courier: Courier, box: Outbox, _: Clock) -> None:
        box.put("slack", notice())
        await courier.work()

    with_courier(tmp_path, receiver, act)
    assert receiver.taken == [notice()]


def test_letters_to_a_channel_that_was_switched_off_are_dropped(tmp_path: Path) -> None:
    async def act(courier: Courier, box: Outbox, _: Clock) -> None:
        box.put("slack", notice())
        await courier.work()
        assert box.waiting() == 0

    with_courier(tmp_path, Receiver(), act, channel="webhook")


def test_a_slow_receiver_holds_up_nobody_on_the_loop(tmp_path: Path) -> None:
    import threading

    begun, free = threading.Event(), threading.Event()

    class Slow(Receiver):
        def __call__(self, told: Notice) -> None:
            begun.set()
            free.wait(20)
            super().__call__(told)

    slow = Slow()

    async def act(courier: Courier, box: Outbox, _: Clock) -> int:
        courier.add(change(Change.OPENED, incident()))
        working = asyncio.create_task(courier.work())
        turns = 0
        while not begun.is_set() or turns < 100:
            await asyncio.sleep(0)
            turns += 1
        assert not working.done()
        free.set()
        await working
        return turns

    assert with_courier(tmp_path, slow, act) >= 100
    assert len(slow.taken) == 1
