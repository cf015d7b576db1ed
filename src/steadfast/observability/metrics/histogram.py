"""Histograms that are counted into on one thread: a request counts into seven, so one must cost little.

prometheus-client's own takes two locks and looks at the bounds one by one.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString

_ENDLESS: Final = float("inf")


class HistogramSeries:
    """One series: a count per bucket, the sum, and the latest exemplar of each bucket."""

    __slots__ = ("_bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * len(bounds)
        self.exemplars: dict[int, Exemplar] = {}
        self.total = 0.0

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Counts a value into its bucket."""
        place = bisect_left(self._bounds, amount)
        self.counts[place] += 1
        self.total += amount
        if exemplar:
            self.exemplars[place] = Exemplar(exemplar, amount, time.time())


class Histogram(Collector):
    """A family of them."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        """`bounds`: upper ones, rising; the endless one need not be said."""
        self._name, self._meaning, self._labels = name, meaning, tuple(labels)
        self._bounds = (*(bound for bound in map(float, bounds) if bound != _ENDLESS), _ENDLESS)
        self._written: list[str] = [
            floatToGoString(bound)  # type: ignore[no-untyped-call]
            for bound in self._bounds
        ]
        self._series: dict[tuple[str, ...], HistogramSeries] = {}
        if not self._labels:
            self.labels()

    def labels(self, *values: str) -> HistogramSeries:
        """The series of these labels' values."""
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = HistogramSeries(self._bounds)
        return series

    def collect(self) -> Iterator[Metric]:
        """Every series as it stands."""
        metric = Metric(self._name, self._meaning, "histogram")
        for values, series in tuple(self._series.items()):
            metric.samples += self._samples(dict(zip(self._labels, values, strict=True)), series)
        yield metric

    def describe(self) -> Iterator[Metric]:
        """Its name."""
        yield Metric(self._name, self._meaning, "histogram")

    def _samples(self, labels: dict[str, str], series: HistogramSeries) -> Iterator[Sample]:
        so_far = 0
        for place, (bound, count) in enumerate(zip(self._written, series.counts, strict=True)):
            so_far += count
            exemplar = series.exemplars.get(place)
            yield Sample(f"{self._name}_bucket", {**labels, "le": bound}, float(so_far), None, exemplar)
        yield Sample(f"{self._name}_count", labels, float(so_far))
        yield Sample(f"{self._name}_sum", labels, series.total)
