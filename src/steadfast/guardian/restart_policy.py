"""When a dead server may be started again: at once, after a pause, or never.

A budget of restarts inside a sliding window, and pauses that double with full-width jitter in between, on the
monotonic clock that the caller passes in: a clock that was set must neither spin nor stall the service.
"""

from collections import deque
from collections.abc import Callable

from steadfast.guardian.options import GuardianOptions

_JITTER = 0.25  # of the pause, to either side: a fleet that died together must not start together


class RestartPolicy:
    """Counts deaths and answers with pauses."""

    def __init__(self, options: GuardianOptions, *, random: Callable[[], float]) -> None:
        """`random` answers numbers in [0, 1)."""
        self._options = options
        self._random = random
        self._restarts_at: deque[float] = deque()
        self._in_a_row = 0

    def pause_s(self, now: float, *, served_s: float) -> float | None:
        """How long to wait before the next start; None when the budget is spent.

        `served_s` is how long the dead server had been ready.
        """
        while self._restarts_at and now - self._restarts_at[0] >= self._options.restarts_within_s:
            self._restarts_at.popleft()
        if len(self._restarts_at) >= self._options.restarts:
            return None
        self._restarts_at.append(now)
        self._in_a_row = 1 if served_s >= self._options.settled_after_s else self._in_a_row + 1
        return self._backoff_s()

    def _backoff_s(self) -> float:
        # The first death of a row costs no pause: whoever waits for the service waits for nothing.
        if self._in_a_row <= 1:
            return 0.0
        # The exponent is bounded: two to the power of a long night is no float.
        doubled = self._options.backoff_first_s * 2.0 ** min(self._in_a_row - 2, 30)
        pause = min(self._options.backoff_max_s, doubled)
        return pause * (1 - _JITTER + 2 * _JITTER * self._random())
