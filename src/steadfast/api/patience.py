"""How long a connection waits for its client to do its part."""

import asyncio
from collections.abc import Callable
from typing import Final

_NEVER: Final = float("inf")


class Patience:
    """One timer that is moved, because setting one per request would cost more than parsing it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None]) -> None:
        """`on_lost` is called when the time that was given is over."""
        self._loop = loop
        self._on_lost: Callable[[], None] | None = on_lost
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at_s = _NEVER
        self._due_at_s = _NEVER

    def expect_within(self, limit_s: float) -> None:
        """Something must come within that time, or sooner where that was said before."""
        if self._on_lost is None:
            return
        self._due_at_s = min(self._due_at_s, self._loop.time() + limit_s)
        if self._timer is None or self._rings_at_s > self._due_at_s:
            self._arm()

    def wait_on(self) -> None:
        """What was expected has come, or has other limits; the timer itself may still ring, for nothing."""
        self._due_at_s = _NEVER

    def end(self) -> None:
        """Nothing is expected of who has left, whatever is said later."""
        self._due_at_s = _NEVER
        self._on_lost = None  # else connection and timer would keep each other
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at_s = self._due_at_s
        self._timer = self._loop.call_at(self._due_at_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due_at_s == _NEVER:
            return
        if self._loop.time() < self._due_at_s:
            self._arm()
        elif self._on_lost is not None:
            self._on_lost()
