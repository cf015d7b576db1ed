"""How fast jobs go here, by the units that workers report."""

import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 15.0
_TELLS_AFTER_S = 3.0
"""Of work seen: the first frames of a segment come in a burst, or late, and say little of the others."""
_FORETELLS_AFTER_S = 8.0


class SpeedMeter:
    """Units per second of each job over the last seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: dict[str, deque[tuple[float, int]]] = {}
        """Job → when and how many units were done by then."""

    def note(self, job_id: str, units_done: int) -> None:
        """Says how many units of a job were done here, all in all; this only ever grows."""
        now_s = self._clock()
        samples = self._samples.setdefault(job_id, deque())
        if len(samples) == 1 and samples[0][1] == units_done:
            samples.clear()  # while it plans and loads nothing is done: that is no speed
        samples.append((now_s, units_done))
        while len(samples) > 2 and now_s - samples[0][0] > _WINDOW_S:
            samples.popleft()

    def per_s(self, job_id: str) -> float | None:
        """None: not known (yet)."""
        return self._over(job_id, _TELLS_AFTER_S)

    def left_s(self, job_id: str, units: int) -> float | None:
        """Seconds that so many units will probably take; None: too little was seen to say so."""
        per_s = self._over(job_id, _FORETELLS_AFTER_S)
        return None if per_s is None else units / per_s

    def _over(self, job_id: str, least_s: float) -> float | None:
        samples = self._samples.get(job_id)
        if not samples:
            return None
        (began_s, first), (ended_s, last) = samples[0], samples[-1]
        return (last - first) / (ended_s - began_s) if ended_s - began_s >= least_s and last > first else None

    def forget(self, job_id: str) -> None:
        """It has ended."""
        self._samples.pop(job_id, None)

    def forget_silent(self) -> frozenset[str]:
        """Forgets jobs of which nothing was heard for long; the answer is what is left.

        What another server has ended, nobody says here.
        """
        oldest_s = self._clock() - _WINDOW_S
        self._samples = {job: seen for job, seen in self._samples.items() if seen[-1][0] >= oldest_s}
        return frozenset(self._samples)
