"""The breaker of a task: no more workers are started for a while when none of them lives to serve."""

from collections.abc import Callable
from enum import StrEnum

_LONGEST_FACTOR = 8


class BreakerState(StrEnum):
    """Whether workers may be started."""

    CLOSED = "closed"  # all is well
    OPEN = "open"  # nobody is started; requests are refused unless a worker still lives
    HALF_OPEN = "half_open"  # one worker is tried


class Breaker:
    """Opens on demand, lets one trial through after a pause, closes on its passed canary."""

    def __init__(self, *, open_s: float, clock: Callable[[], float]) -> None:
        self._open_s = open_s
        self._clock = clock
        self._state = BreakerState.CLOSED
        self._opened_at_s = 0.0
        self._factor = 1

    @property
    def state(self) -> BreakerState:
        """Where it stands now; an open one becomes half-open by the passing of time alone."""
        if self._state is BreakerState.OPEN and self.retry_after_s == 0.0:
            self._state = BreakerState.HALF_OPEN
        return self._state

    @property
    def retry_after_s(self) -> float:
        """Time until the next trial; 0 when it is not open."""
        if self._state is not BreakerState.OPEN:
            return 0.0
        return max(0.0, self._opened_at_s + self._open_s * self._factor - self._clock())

    def open(self) -> None:
        """Opens it; twice as long, up to eight times, where a trial has just failed."""
        if self._state is BreakerState.HALF_OPEN:
            self._factor = min(_LONGEST_FACTOR, self._factor * 2)
        self._state = BreakerState.OPEN
        self._opened_at_s = self._clock()

    def close(self) -> None:
        """A canary passed."""
        self._state = BreakerState.CLOSED
        self._factor = 1
