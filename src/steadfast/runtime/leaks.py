"""Growth without end, told from warm-up and from sawteeth by a line through the samples."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

MIB = 1 << 20
_WARM_UP_REQUESTS = 16
_SAMPLES = 32
_RECENT = 24
_RECENT_FIT = 0.95


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A line through the latest samples."""

    bytes_per_request: float
    fit: float
    """Coefficient of determination: 1, where all samples lie on the line."""
    total_bytes: float
    """Rise of the line from the first sample to the last."""


class LeakDetector:
    """Judges one process by its memory after each request (resident, or on the device).

    Warm-up is not counted: caches fill during the first requests. After it the last 32 samples must rise by
    at least `least_total_bytes` along a straight line (fit ≥ 0.9) to be called a leak; when 32 samples are
    full they are thinned to every second one, so a slow leak is seen over a longer and longer run.

    A leak that begins late is a bend in that run and no line: the latest 24 samples, not thinned, are judged
    beside it, and must lie on theirs more strictly (fit ≥ 0.95).
    """

    def __init__(self, *, least_total_bytes: int = 96 * MIB, least_fit: float = 0.9) -> None:
        self._least_total_bytes = least_total_bytes
        self._least_fit = least_fit
        self._samples: deque[tuple[int, int]] = deque()
        self._recent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        self._every = 1
        self._last_requests = 0

    def add(self, requests: int, memory_bytes: int) -> None:
        """A sample taken after `requests` answers."""
        if requests < _WARM_UP_REQUESTS:
            return
        if not self._recent or requests > self._recent[-1][0]:
            self._recent.append((requests, memory_bytes))
        if requests - self._last_requests < self._every:
            return
        self._last_requests = requests
        self._samples.append((requests, memory_bytes))
        if len(self._samples) > _SAMPLES:
            self._samples = deque(list(self._samples)[::2])
            self._every *= 2

    @property
    def leak(self) -> Growth | None:
        """The line of a growth that is large and steady; None: there is none, or too little is known."""
        if len(self._samples) >= 8 and (whole := self._steady(self._samples, self._least_fit)):
            return whole
        return self._steady(self._recent, _RECENT_FIT) if len(self._recent) == _RECENT else None

    def _steady(self, samples: Sequence[tuple[int, int]], least_fit: float) -> Growth | None:
        line = fit_line(samples)
        return line if line.total_bytes >= self._least_total_bytes and line.fit >= least_fit else None


def fit_line(samples: Sequence[tuple[int, int]]) -> Growth:
    """Least squares through (requests, bytes)."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread_x = sum((x - mean_x) ** 2 for x, _ in samples)
    spread_y = sum((y - mean_y) ** 2 for _, y in samples)
    together = sum((x - mean_x) * (y - mean_y) for x, y in samples)
    slope = together / spread_x if spread_x else 0.0
    fit = together**2 / (spread_x * spread_y) if spread_x and spread_y else 0.0
    return Growth(bytes_per_request=slope, fit=fit, total_bytes=slope * (samples[-1][0] - samples[0][0]))
