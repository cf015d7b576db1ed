"""How many workers there will be while somebody waits: now as many as there are, later as many as usual.

Workers that die and come back make their number jump; a wait of ten seconds sees the mean of it, one of a
tenth of a second what is there now.
"""

import math
from collections.abc import Callable

_MEMORY_S = 10.0
_RETURN_S = 2.0
"""Time in which a place is usually filled again, so that the number now says little beyond it."""


class Presence:
    """Workers of one task, now and in the mean of the last seconds."""

    def __init__(self, workers: int, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._now = float(workers)
        self._mean = float(workers)
        self._at_s = clock()

    def change_to(self, workers: int) -> None:
        """There are so many from now on."""
        self._mean = self._mean_now()
        self._now = float(workers)
        self._at_s = self._clock()

    def begin_with(self, workers: int) -> None:
        """There are so many, and what was before says nothing."""
        self._now = self._mean = float(workers)
        self._at_s = self._clock()

    def time_for(self, work_s: float, *, pace: float) -> float:
        """Seconds until they have done that much work, of which one does `pace` per second."""
        wait_s = work_s / (self._now * pace)
        if self._now == self._mean or not wait_s:
            return wait_s
        away = self._now - self._mean_now()
        for _ in range(2):  # the share of the wait that sees the number of now depends on the wait
            share = (1.0 - math.exp(-wait_s / _RETURN_S)) * _RETURN_S / wait_s
            wait_s = work_s / (max(0.25, self._now - away * (1.0 - share)) * pace)
        return wait_s

    def _mean_now(self) -> float:
        kept = math.exp(-(self._clock() - self._at_s) / _MEMORY_S)
        return self._now + (self._mean - self._now) * kept
