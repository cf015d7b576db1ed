"""How many workers may die before they serve anything, and how long to wait before the next one."""

import random
from collections import deque
from collections.abc import Callable


class RestartBudget:
    """Counts deaths before a first success in a sliding window of a monotonic clock.

    A worker that served and was then killed is no crash loop: it is not counted, and the next one starts at
    once.
    """

    def __init__(
        self,
        *,
        deaths: int,
        window_s: float,
        first_pause_s: float,
        longest_pause_s: float,
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._deaths = deaths
        self._window_s = window_s
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._clock = clock
        self._jitter = jitter
        self._died_at_s: deque[float] = deque()
        self._not_before_s = float("-inf")
        self._in_a_row = 0

    def count_death(self) -> None:
        """A worker died, or could not be loaded, before its first success."""
        now_s = self._clock()
        self._died_at_s.append(now_s)
        pause_s = min(self._longest_pause_s, self._first_pause_s * 2**self._in_a_row)
        self._in_a_row += 1
        # Full jitter on the upper half: many slots that lose the same device must not come back in step.
        self._not_before_s = now_s + pause_s * (0.5 + 0.5 * self._jitter())

    def count_success(self) -> None:
        """A worker came up and passed its canary: the next death starts with the shortest pause again."""
        self._in_a_row = 0
        self._not_before_s = float("-inf")

    def end_pause(self) -> None:
        """Lets the next start be now; what was counted stays counted."""
        self._not_before_s = float("-inf")

    def forget(self) -> None:
        """Starts anew, after the breaker has closed."""
        self._died_at_s.clear()
        self.count_success()

    @property
    def exceeded(self) -> bool:
        """Whether as many died within the window as are allowed."""
        oldest_s = self._clock() - self._window_s
        while self._died_at_s and self._died_at_s[0] <= oldest_s:
            self._died_at_s.popleft()
        return len(self._died_at_s) >= self._deaths

    @property
    def pause_s(self) -> float:
        """Time until the next start is due; 0: now."""
        return max(0.0, self._not_before_s - self._clock())
