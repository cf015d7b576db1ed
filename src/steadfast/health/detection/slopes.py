"""What grows towards its limit, with the time at which it will be there: memory, device memory, disks, files.

Two rules. A steep rise (three readings in a row, at the limit within half a minute) is seen in two intervals.
A slow one needs a window of two minutes that a straight line explains, because memory goes up and down with
the work.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from steadfast.errors import Severity
from steadfast.health.detection.sign import Scene, Sign
from steadfast.health.readings import Reading

_WINDOW = 24
_STEEP = 3
_STEEP_WITHIN_S = 30.0
_EVEN = 0.2
"""Part of a steep rise that each of its steps must have."""
_SLOW_WITHIN_S = 3600.0
_EXPLAINED = 0.9
"""Part of the variance that a line must explain."""
_LEAST_GROWTH = 0.02
"""Part of the whole way (from nothing to the limit) by which it must have grown in the window."""
_SETTLED_AFTER_S = 45.0
"""Workers that come up take memory and more: that is no leak."""
_MOVED_BY_WORKERS = frozenset({"memory", "worker_memory", "device_memory"})

Point = tuple[float, float]


class SlopePolicy:
    """One series per probe and subject."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], deque[Point]] = {}

    def look(self, scene: Scene) -> Iterable[Sign]:
        """What will be at its limit."""
        settling = {
            worker.name
            for pool in scene.snapshot.pools
            for worker in pool.workers
            if worker.age_s < _SETTLED_AFTER_S
        }
        seen = {(reading.probe, reading.subject) for reading in scene.readings}
        self._series = {key: series for key, series in self._series.items() if key in seen}
        for reading in scene.readings:
            if reading.limit is None or reading.value is None:
                continue
            if reading.probe in _MOVED_BY_WORKERS and (
                reading.subject in settling or (settling and reading.probe != "worker_memory")
            ):
                self._series.pop((reading.probe, reading.subject), None)
                continue
            yield from self._add(reading)

    def _add(self, reading: Reading) -> Iterable[Sign]:
        assert reading.value is not None
        assert reading.limit is not None
        series = self._series.setdefault((reading.probe, reading.subject), deque(maxlen=_WINDOW))
        if not series or series[-1][0] < reading.taken_at_s:
            # The way that is left: it falls to zero whether the value grows or shrinks towards its limit.
            series.append((reading.taken_at_s, abs(reading.limit - reading.value)))
        whole = abs(reading.limit) or 1.0
        within_s = _steep_forecast_s(list(series)[-_STEEP:])
        if within_s is not None:
            yield _sign(reading, within_s, Severity.ERROR)
            return
        within_s = _slow_forecast_s(series, whole)
        if within_s is not None:
            yield _sign(reading, within_s, Severity.WARNING)


def _steep_forecast_s(points: Sequence[Point]) -> float | None:
    if len(points) < _STEEP:
        return None
    steps = [earlier[1] - later[1] for earlier, later in pairwise(points)]
    # One leap is no slope: it may as well have been the last.
    if min(steps) <= 0 or min(steps) < _EVEN * sum(steps):
        return None
    (first_s, first), (last_s, last) = points[0], points[-1]
    forecast_s = last / ((first - last) / (last_s - first_s))
    return forecast_s if forecast_s <= _STEEP_WITHIN_S else None


def _slow_forecast_s(points: Sequence[Point], whole: float) -> float | None:
    if len(points) < _WINDOW:
        return None
    slope, explained = straight_line(points)
    span_s = points[-1][0] - points[0][0]
    if slope >= 0 or explained < _EXPLAINED or -slope * span_s < _LEAST_GROWTH * whole:
        return None
    forecast_s = points[-1][1] / -slope
    return forecast_s if forecast_s <= _SLOW_WITHIN_S else None


def straight_line(points: Sequence[Point]) -> tuple[float, float]:
    """Slope of the least-squares line, and the part of the variance that it explains."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    xx = sum((x - mean_x) ** 2 for x, _ in points)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in points)
    yy = sum((y - mean_y) ** 2 for _, y in points)
    if xx == 0 or yy == 0:
        return 0.0, 0.0
    return xy / xx, xy * xy / (xx * yy)


def _sign(reading: Reading, within_s: float, severity: Severity) -> Sign:
    about = reading.subject or reading.level.value
    return Sign(
        kind=f"{reading.probe}_trend",
        subject=about,
        severity=severity,
        evidence=f"{reading.probe} moves steadily and is at its limit in {within_s:.0f} s"
        f" (now {reading.value:.4g} {reading.unit})",
        # The rule has looked at several readings already.
        looks=1,
        worker=reading.subject if reading.probe == "worker_memory" and reading.subject != "server" else "",
    )
