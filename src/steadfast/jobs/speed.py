"""How fast jobs go here, by the units that workers report."""

import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 15.0


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
        samples.append((now_s, units_done))
        while len(samples) > 2 and now_s - samples[0][0] > _WINDOW_S:
            samples.popleft()

    def per_s(self, job_id: str) -> float | None:
        """None: not known (yet)."""
        samples = self._samples.get(job_id)
        if samples is None or len(samples) < 2:
            return None
        (began_s, first), (ended_s, last) = samples[0], samples[-1]
        return (last - first) / (ended_s - began_s) if ended_s > began_s and last > first else None

    def forget(self, job_id: str) -> None:
        """It has ended."""
        self._samples.pop(job_id, None)
