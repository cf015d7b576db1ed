"""A connection waits as long as it said, and no longer; what has come in time is not held against anybody."""

import asyncio
import heapq
from collections.abc import Callable

import pytest

from steadfast.api.patience import Patience


class HandLoop(asyncio.AbstractEventLoop):
    """A loop whose clock is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.set = 0

    def time(self) -> float:
        return self.now_s

    def get_debug(self) -> bool:
        return False

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: object = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self)
        self.set += 1
        heapq.heappush(self.timers, (when, self.set, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Left in the heap, as the loops of the standard library do for a while."""

    def turn_to(self, now_s: float) -> None:
        while self.timers and self.timers[0][0] <= now_s:
            self.now_s, _, timer = heapq.heappop(self.timers)
            if not timer.cancelled():
                timer._run()
        self.now_s = now_s


@pytest.fixture
def loop() -> HandLoop:
    return HandLoop()  # type: ignore[abstract]  # of a loop, only its clock and timers are asked for


@pytest.fixture
def lost() -> list[str]:
    return []


@pytest.fixture
def patience(loop: HandLoop, lost: list[str]) -> Patience:
    return Patience(loop, lambda: lost.append("lost"))


def test_it_is_lost_when_the_time_is_over_and_not_before(
    loop: HandLoop, patience: Patience, lost: list[str]
) -> None:
    patience.expect_within(10.0)
    loop.turn_to(9.9)
    assert not lost
    loop.turn_to(10.0)
    assert lost == ["lost"]


def test_of_two_expectations_the_sooner_one_holds(
    loop: HandLoop, patience: Patience, lost: list[str]
) -> None:
    patience.expect_within(10.0)
    patience.expect_within(75.0)
    patience.expect_within(5.0)
    loop.turn_to(5.0)
    assert lost == ["lost"]


def test_what_came_in_time_is_forgotten_and_the_next_wait_is_as_long_as_it_was_said_to_be(
    loop: HandLoop, patience: Patience, lost: list[str]
) -> None:
    patience.expect_within(10.0)
    loop.turn_to(8.0)
    patience.wait_on()
    patience.expect_within(10.0)
    loop.turn_to(17.9)
    assert not lost
    loop.turn_to(18.0)
    assert lost == ["lost"]


def test_many_requests_in_a_row_set_one_timer(loop: HandLoop, patience: Patience) -> None:
    for _ in range(100):
        patience.wait_on()
        patience.expect_within(10.0)
    assert loop.set == 1


def test_nothing_is_expected_of_who_has_left(loop: HandLoop, patience: Patience, lost: list[str]) -> None:
    patience.expect_within(10.0)
    patience.end()
    patience.expect_within(10.0)
    loop.turn_to(20.0)
    assert not lost
