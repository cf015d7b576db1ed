"""When a canary is due: often enough to notice wrong answers, seldom enough to cost nothing."""

from collections.abc import Callable

SHARE = 0.005
"""Most of a worker's time that canaries may take."""
_SUSPICIOUS_EVERY_S = 2.0


class CanarySchedule:
    """One worker's schedule. Idle: `every_s` after its last finished work. Under load: every `floor_s`.

    Whatever the task's canary costs, the next one is at least `cost / SHARE` away.
    """

    def __init__(self, *, every_s: float, floor_s: float, clock: Callable[[], float]) -> None:
        self._every_s = every_s
        self._floor_s = floor_s
        self._clock = clock
        self._last_canary_s = clock()
        self._last_work_s = clock()
        self._cost_s = 0.0

    def count_work(self) -> None:
        """A request was answered."""
        self._last_work_s = self._clock()

    def count_canary(self, took_s: float) -> None:
        """A canary came back."""
        self._last_canary_s = self._clock()
        self._cost_s = took_s

    def due(self, *, suspicious: bool = False) -> bool:
        """Whether one should run now; `suspicious`: the pool has seen hangs and nothing finished since."""
        now_s = self._clock()
        since_canary_s = now_s - self._last_canary_s
        if suspicious:  # a canary is the only way back to readiness when no traffic comes
            return since_canary_s >= _SUSPICIOUS_EVERY_S
        if since_canary_s < self._cost_s / SHARE:
            return False
        idle_s = now_s - max(self._last_work_s, self._last_canary_s)
        return idle_s >= self._every_s or since_canary_s >= self._floor_s
