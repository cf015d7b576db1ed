"""Families as something to count with: prometheus-client's own metrics behind bounded labels."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from steadfast.observability.metrics.family import Bounds, Family, Kind
from steadfast.observability.metrics.histogram import Histogram

# A `_created` sample beside each series would double what is scraped; a restart shows in other ways.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Series(Protocol):
    """One series of an instrument; of these a counter has `inc`, a histogram `observe`, a gauge all."""

    def inc(self, amount: float = 1.0) -> None:
        """Adds."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Counts a value into its bucket."""

    def set(self, value: float) -> None:
        """Says how things stand."""


class Instrument:
    """A family that events count into."""

    def __init__(self, family: Family, registry: CollectorRegistry) -> None:
        self.family = family
        self._bounds = Bounds(family)
        self._series: dict[tuple[str, ...], Any] = {}
        self._metric = _metric_of(family, registry)
        self._is_histogram = family.kind is Kind.HISTOGRAM

    def at(self, *values: str) -> Series:
        """The series of these labels' values."""
        series = self._series.get(values)
        if series is None:
            series = self._find(values)
        found: Series = series
        return found

    def _find(self, values: tuple[str, ...]) -> Any:
        admitted = self._bounds.admit(values)
        known = self._series.get(admitted)
        if known is None:
            known = self._metric.labels(*admitted) if admitted or self._is_histogram else self._metric
            self._series[admitted] = known  # never under a value that was not admitted: those have no end
        return known


class Counting:
    """Base of what listens and counts: the families it fills, each as an instrument."""

    def __init__(self, families: Iterable[Family], registry: CollectorRegistry) -> None:
        self._instruments = {family: Instrument(family, registry) for family in families}

    def at(self, family: Family, *values: str) -> Series:
        """The series of one of its families."""
        return self._instruments[family].at(*values)


Sample = tuple[tuple[str, ...], float]
Read = Callable[[], Iterable[Sample]]
"""Values of labels, and how things stand; asked at each scrape."""


class Readings(Collector):
    """Families that are read from snapshots when somebody asks, so what is gone is gone at once."""

    def __init__(self, sources: Mapping[Family, Read]) -> None:
        self._sources = dict(sources)
        self._bounds = {family: Bounds(family) for family in sources}

    def collect(self) -> Iterator[Metric]:
        """Every family with what it has now; one that has nothing tells its name and meaning only."""
        for family, read in self._sources.items():
            metric = _empty(family)
            # Several may have become `other`: they are one series, and their sum is what it says.
            sums: dict[tuple[str, ...], float] = {}
            for values, value in read():
                admitted = self._bounds[family].admit(values)
                sums[admitted] = sums.get(admitted, 0.0) + value
            for admitted, value in sums.items():
                metric.add_metric(list(admitted), value)
            yield metric

    def describe(self) -> Iterator[Metric]:
        """Names, without asking anybody."""
        return (_empty(family) for family in self._sources)


def _empty(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(family.name, family.meaning, labels=family.label_names)


def _metric_of(family: Family, registry: CollectorRegistry) -> Any:
    if family.kind is Kind.HISTOGRAM:
        histogram = Histogram(family.name, family.meaning, family.label_names, family.buckets)
        registry.register(histogram)
        return histogram
    kind = prometheus_client.Counter if family.kind is Kind.COUNTER else prometheus_client.Gauge
    return kind(family.name, family.meaning, family.label_names, registry=registry)
