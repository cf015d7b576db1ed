"""The watchdog bites when nothing comes, and only then."""

import asyncio
from collections.abc import Callable
from typing import Any

from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.watchdog import Watchdog


class Loop:
    """The part of an event loop that a watchdog needs, with time by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, act: Callable[[], None]) -> Any:
        entry = (self.now_s + delay_s, act)
        self.timers.append(entry)
        return _Handle(lambda: self.timers.remove(entry) if entry in self.timers else None)

    def pass_(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while due := [timer for timer in self.timers if timer[0] <= until_s]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now_s = max(self.now_s, first[0])
            first[1]()
        self.now_s = until_s


class _Handle:
    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel


def watched() -> tuple[Loop, list[KillReason], Watchdog]:
    loop, bites = Loop(), list[KillReason]()
    as_loop: asyncio.AbstractEventLoop = loop  # type: ignore[assignment]
    return loop, bites, Watchdog(loop=as_loop, clock=lambda: loop.now_s, bite=bites.append)


def test_it_bites_with_its_reason_when_nothing_comes_in_time() -> None:
    loop, bites, dog = watched()
    dog.expect_within(2, KillReason.STALL)
    loop.pass_(1.99)
    assert bites == []
    loop.pass_(0.01)
    assert bites == [KillReason.STALL]


def test_progress_moves_it() -> None:
    loop, bites, dog = watched()
    dog.expect_within(2, KillReason.STALL)
    for _ in range(10):
        loop.pass_(1.5)
        dog.move()
    assert bites == []
    loop.pass_(2)
    assert bites == [KillReason.STALL]


def test_calm_it_never_bites() -> None:
    loop, bites, dog = watched()
    dog.expect_within(2, KillReason.STALL)
    dog.calm()
    loop.pass_(100)
    assert bites == []


def test_a_shorter_limit_after_a_longer_one_is_kept() -> None:
    loop, bites, dog = watched()
    dog.expect_within(100, KillReason.LOAD_TIMEOUT)
    dog.expect_within(1, KillReason.STALL)
    loop.pass_(1)
    assert bites == [KillReason.STALL]


def test_thousands_of_requests_keep_one_timer() -> None:
    loop, bites, dog = watched()
    for _ in range(10_000):
        dog.expect_within(2, KillReason.STALL)
        loop.pass_(0.001)
        dog.calm()
        assert len(loop.timers) <= 1
    assert bites == []


def test_stopped_it_leaves_no_timer() -> None:
    loop, bites, dog = watched()
    dog.expect_within(2, KillReason.STALL)
    dog.stop()
    loop.pass_(10)
    assert (bites, loop.timers) == ([], [])
