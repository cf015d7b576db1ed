"""A long run of numbers in bounded memory: neighbours are averaged as more come in."""

from collections.abc import Callable
from dataclasses import dataclass, field

from steadfast.health.log_diagnosis.findings import Place

MOST_POINTS = 128


@dataclass(slots=True)
class _Bucket:
    total: float
    count: int
    place: Place


@dataclass(slots=True)
class Series:
    """At most twice 128 averages of equally many neighbours, in order."""

    count: int = 0
    _every: int = 1
    _buckets: list[_Bucket] = field(default_factory=list)

    def add(self, value: float, place: Callable[[], Place]) -> None:
        """The next number; `place` tells the line that told it, and is asked only where that is kept."""
        self.count += 1
        if self._buckets and self._buckets[-1].count < self._every:
            last = self._buckets[-1]
            last.total += value
            last.count += 1
            return
        if len(self._buckets) == 2 * MOST_POINTS:
            self._halve()
        self._buckets.append(_Bucket(value, 1, place()))

    def _halve(self) -> None:
        pairs = zip(self._buckets[::2], self._buckets[1::2], strict=True)
        self._buckets = [_Bucket(a.total + b.total, a.count + b.count, a.place) for a, b in pairs]
        self._every *= 2

    def points(self) -> list[float]:
        """The averages, at most 128; a last one of few numbers is left out."""
        return [bucket.total / bucket.count for bucket in self._whole()]

    def place(self, index: int) -> Place:
        """The line that told the first number of a point."""
        return self._whole()[index].place

    def _whole(self) -> list[_Bucket]:
        while len(self._buckets) > MOST_POINTS and len(self._buckets) % 2 == 0:
            self._halve()
        whole = [bucket for bucket in self._buckets if bucket.count * 2 >= self._every]
        if len(whole) > MOST_POINTS:
            pairs = zip(whole[::2], whole[1::2], strict=False)
            return [_Bucket(a.total + b.total, a.count + b.count, a.place) for a, b in pairs]
        return whole
