"""Every deadline that is reached rings, at its time; those that are not cost no timer."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.virtual_time import run_in_virtual_time

from steadfast.runtime.deadlines import Deadlines
from steadfast.runtime.ticket import Ticket


class House:
    """Deadlines with what has rung, and when."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rung: list[tuple[int, float]] = []
        self.deadlines = Deadlines(
            loop=self.loop,
            clock=self.loop.time,
            ring=lambda ticket: self.rung.append((ticket.id, round(self.loop.time(), 6))),
        )

    def add(self, number: int, deadline_at_s: float) -> Ticket:
        ticket = Ticket(
            id=number,
            task="t",
            fields=b"",
            blobs=(),
            deadline_at_s=deadline_at_s,
            arrived_at_s=self.loop.time(),
            future=self.loop.create_future(),
        )
        self.deadlines.add(ticket)
        return ticket


def in_house(test: Callable[[House], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(House())

    run_in_virtual_time(main())


def test_each_rings_at_its_own_time_whatever_the_order_in_which_they_came() -> None:
    async def test(house: House) -> None:
        for number, at_s in enumerate((3.9, 0.1, 3.76, 30.0, 0.249)):
            house.add(number, at_s)
        await asyncio.sleep(31)
        assert house.rung == [(1, 0.1), (4, 0.249), (2, 3.76), (0, 3.9), (3, 30.0)]

    in_house(test)


def test_one_that_is_over_does_not_ring() -> None:
    async def test(house: House) -> None:
        early, late = house.add(1, 0.1), house.add(2, 5.0)
        later = house.add(3, 5.1)
        early.ring_no_more()
        late.ring_no_more()
        await asyncio.sleep(5.05)
        later.ring_no_more()  # its bucket has begun: it has a timer of its own
        await asyncio.sleep(1)
        assert house.rung == []

    in_house(test)


def test_a_deadline_that_has_passed_rings_at_once() -> None:
    async def test(house: House) -> None:
        await asyncio.sleep(10)
        house.add(1, 9.0)
        house.add(2, 10.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert [number for number, _ in house.rung] == [1, 2]

    in_house(test)


def test_a_thousand_requests_take_one_timer() -> None:
    async def test(house: House) -> None:
        scheduled = len(house.loop._scheduled)  # type: ignore[attr-defined]
        for number in range(1000):
            house.add(number, 30.1)
        assert len(house.loop._scheduled) == scheduled + 1  # type: ignore[attr-defined]

    in_house(test)
