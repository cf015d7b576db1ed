"""A time limit that is moved thousands of times a second and almost never reached."""

import asyncio
from collections.abc import Callable

from steadfast.runtime.exit_reason import KillReason


class Watchdog:
    """Bites with a reason unless it is moved or calmed in time.

    It keeps one timer and compares when that rings: setting and cancelling one per request would cost more
    than the message does.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        bite: Callable[[KillReason], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._bite = bite
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at_s = float("inf")
        self._due_at_s = float("inf")
        self._limit_s = float("inf")
        self._reason = KillReason.STALL

    def expect_within(self, limit_s: float, otherwise: KillReason) -> None:
        """Something must come within `limit_s` from now."""
        self._reason = otherwise
        self._limit_s = limit_s
        self._due_at_s = self._clock() + limit_s
        if self._timer is None or self._rings_at_s > self._due_at_s:
            self._arm()

    def move(self) -> None:
        """It came; the same is expected again."""
        self._due_at_s = self._clock() + self._limit_s

    def calm(self) -> None:
        """Nothing is expected."""
        self._due_at_s = self._limit_s = float("inf")

    def stop(self) -> None:
        """Ends it."""
        self.calm()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at_s = self._due_at_s
        self._timer = self._loop.call_later(self._due_at_s - self._clock(), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due_at_s == float("inf"):
            return
        if self._clock() >= self._due_at_s:
            self._bite(self._reason)
        else:
            self._arm()
