"""How much work keeps coming, by priority: what comes later may still go first."""

import math
from collections.abc import Callable, Mapping

from steadfast.admission.arrival import Priority

_MEMORY_S = 10.0


class Inflow:
    """Work that lined up per second, over about the last ten."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sum_s = dict.fromkeys(Priority, 0.0)
        self._at_s = clock()

    def add(self, priority: Priority, work_s: float) -> None:
        """A request lined up."""
        self._fade()
        self._sum_s[priority] += work_s

    def per_s(self) -> Mapping[Priority, float]:
        """Seconds of one worker that come per second."""
        self._fade()
        return {priority: sum_s / _MEMORY_S for priority, sum_s in self._sum_s.items()}

    def _fade(self) -> None:
        now_s = self._clock()
        kept = math.exp((self._at_s - now_s) / _MEMORY_S)
        self._at_s = now_s
        for priority in self._sum_s:
            self._sum_s[priority] *= kept
