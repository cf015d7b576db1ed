"""How requests behave over a log: slower at once, slower and slower, waiting more, holding more memory."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from steadfast.health.log_diagnosis.change import Trend, find_shift, find_trend
from steadfast.health.log_diagnosis.findings import Evidence, Finding, Place
from steadfast.health.log_diagnosis.request_samples import Sample
from steadfast.health.log_diagnosis.rule import Rule, Statistic
from steadfast.health.log_diagnosis.series import Series
from steadfast.health.log_diagnosis.tally import filled

_MOST_CLASSES = 200
_LEAST_REQUESTS = 60
_LEAST_RATIO = 1.8
_LEAST_CREEP_RATIO = 1.5
_LEAST_RISE_MS = 20.0
_LEAST_TAU = 0.6
_LEAST_QUEUE_MS = 200.0
_LEAST_QUEUE_SHARE = 0.5
_LEAST_QUEUE_RATIO = 4.0

_LEAST_MEMORY_SAMPLES = 40
_WARM_UP_SHARE = 0.1
_LEAST_MEMORY_TAU = 0.7
_LEAST_MEMORY_RISE_MB = 64.0
_LEAST_MEMORY_RATIO = 1.15
_LEAST_LATE_SHARE = 0.35
_RESTART_RATIO = 0.6  # memory that falls below this share of what it was belongs to a new process
_TINY_MS = 0.01


AskPlace = Callable[[], Place]
"""Tells where a line stands, when that is needed."""


@dataclass(slots=True)
class _Requests:
    """Of one class."""

    total: Series = field(default_factory=Series)  # logarithms of milliseconds
    infer: Series = field(default_factory=Series)
    queue: Series = field(default_factory=Series)  # milliseconds


@dataclass(slots=True)
class _Process:
    """Memory of one process, measured in one way."""

    series: Series = field(default_factory=Series)
    latest_mb: float = 0.0
    grown: Series | None = None
    """A run that was rising when its process was replaced."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    statistic: Statistic
    place: Place
    told: str
    count: int
    details: Mapping[str, str]


class Behaviour:
    """Takes samples, then judges."""

    def __init__(self) -> None:
        self.requests = 0
        """Finished ones whose duration was told."""
        self._classes: dict[str, _Requests] = {}
        self._processes: dict[tuple[str, str], _Process] = {}

    def add(self, sample: Sample, place: AskPlace) -> None:
        """What one line tells."""
        if sample.total_ms is not None:
            self._add_request(sample, sample.total_ms, place)
        for measure, size_mb in (("resident", sample.resident_mb), ("device", sample.device_mb)):
            if size_mb is not None and size_mb > 0:
                self._add_memory(self._process(sample.process, measure), size_mb, place)

    def _add_request(self, sample: Sample, total_ms: float, place: AskPlace) -> None:
        self.requests += 1
        known = self._classes.get(sample.request_class)
        if known is None:
            if len(self._classes) >= _MOST_CLASSES:
                return
            known = self._classes[sample.request_class] = _Requests()
        known.total.add(math.log(max(total_ms, _TINY_MS)), place)
        if sample.infer_ms is not None:
            known.infer.add(math.log(max(sample.infer_ms, _TINY_MS)), place)
        if sample.queue_ms is not None:
            known.queue.add(sample.queue_ms, place)

    def _process(self, name: str, measure: str) -> _Process:
        key = (name, measure)
        if key not in self._processes and len(self._processes) >= _MOST_CLASSES:
            key = ("", measure)
        return self._processes.setdefault(key, _Process())

    @staticmethod
    def _add_memory(process: _Process, size_mb: float, place: AskPlace) -> None:
        if size_mb < _RESTART_RATIO * process.latest_mb:
            if process.series.count >= _LEAST_MEMORY_SAMPLES and _creep(process.series) is not None:
                process.grown = process.series
            process.series = Series()
        process.latest_mb = size_mb
        process.series.add(size_mb, place)

    def findings(self, rules: Sequence[Rule]) -> Iterator[Finding]:
        """What the measurements say, in the words of the rules that name them."""
        by_statistic = {rule.statistic: rule for rule in rules if rule.statistic is not None}
        strongest: dict[Statistic, _Verdict] = {}
        for verdict in (*self._of_requests(), *self._of_memory()):
            known = strongest.get(verdict.statistic)
            if known is None or verdict.count > known.count:
                strongest[verdict.statistic] = verdict
        for statistic, verdict in strongest.items():
            if (rule := by_statistic.get(statistic)) is not None:
                yield _finding(rule, verdict)

    def _of_requests(self) -> Iterator[_Verdict]:
        for name, requests in self._classes.items():
            if requests.total.count < _LEAST_REQUESTS:
                continue
            has_work = requests.infer.count >= _LEAST_REQUESTS
            slower = _slower(name, requests.infer if has_work else requests.total)
            if slower is not None:
                yield slower
            elif requests.queue.count >= _LEAST_REQUESTS and (jam := _jam(name, requests)) is not None:
                yield jam

    def _of_memory(self) -> Iterator[_Verdict]:
        for (name, measure), process in self._processes.items():
            for series in (process.series, process.grown):
                if series is None or series.count < _LEAST_MEMORY_SAMPLES:
                    continue
                if (creep := _creep(series)) is not None:
                    yield _memory_verdict(name, measure, series, creep)
                    break


def _slower(name: str, series: Series) -> _Verdict | None:
    points = series.points()
    trend, shift = find_trend(points), find_shift(points)
    if trend is not None and _is_creeping(trend) and (shift is None or trend.residual <= shift.residual):
        before_ms, after_ms = math.exp(trend.begin), math.exp(trend.end)
        return _verdict(Statistic.DURATION_TREND, name, series, 0, (before_ms, after_ms))
    if shift is not None:
        before_ms, after_ms = math.exp(shift.before), math.exp(shift.after)
        if after_ms / before_ms >= _LEAST_RATIO and after_ms - before_ms >= _LEAST_RISE_MS:
            return _verdict(Statistic.DURATION_STEP, name, series, shift.start, (before_ms, after_ms))
    return None


def _is_creeping(trend: Trend) -> bool:
    before_ms, after_ms = math.exp(trend.begin), math.exp(trend.end)
    is_large = after_ms / before_ms >= _LEAST_CREEP_RATIO and after_ms - before_ms >= _LEAST_RISE_MS
    return is_large and trend.tau >= _LEAST_TAU


def _jam(name: str, requests: _Requests) -> _Verdict | None:
    points = requests.queue.points()
    shift = find_shift(points)
    if shift is None or shift.after < max(_LEAST_QUEUE_MS, _LEAST_QUEUE_RATIO * shift.before):
        return None
    total_ms = [math.exp(value) for value in requests.total.points()]
    # Both series have the same length: every end line that tells of the queue tells of the whole.
    inside = total_ms[shift.start : shift.end] or total_ms
    if shift.after < _LEAST_QUEUE_SHARE * sorted(inside)[len(inside) // 2]:
        return None
    return _verdict(Statistic.QUEUE_GROWTH, name, requests.queue, shift.start, (shift.before, shift.after))


def _creep(series: Series) -> Trend | None:
    points = series.points()
    trend = find_trend(points[round(len(points) * _WARM_UP_SHARE) :])
    if trend is None or trend.tau < _LEAST_MEMORY_TAU or trend.late_share < _LEAST_LATE_SHARE:
        return None
    is_large = (
        trend.end - trend.begin >= _LEAST_MEMORY_RISE_MB and trend.end >= _LEAST_MEMORY_RATIO * trend.begin
    )
    return trend if is_large else None


def _verdict(
    statistic: Statistic, name: str, series: Series, start: int, change: tuple[float, float]
) -> _Verdict:
    before_ms, after_ms = change
    place = series.place(start)
    details = {"request_class": name, "before_ms": f"{before_ms:.0f}", "after_ms": f"{after_ms:.0f}"}
    told = f"{name}: {before_ms:.0f} ms before, {after_ms:.0f} ms after, over {series.count} requests"
    return _Verdict(statistic, place, told, series.count, details)


def _memory_verdict(name: str, measure: str, series: Series, trend: Trend) -> _Verdict:
    where = f"{measure} memory of {name or 'the process'}"
    details = {
        "process": name,
        "begin_mb": f"{trend.begin:.0f}",
        "end_mb": f"{trend.end:.0f}",
        "memory": measure,
    }
    told = f"{where}: from {trend.begin:.0f} MB to {trend.end:.0f} MB over {series.count} samples"
    return _Verdict(Statistic.MEMORY_TREND, series.place(0), told, series.count, details)


def _finding(rule: Rule, verdict: _Verdict) -> Finding:
    details = dict(verdict.details)
    return Finding(
        rule=rule.name,
        kind=rule.kind,
        severity=rule.severity,
        confidence=rule.confidence,
        cause=filled(rule.cause, details),
        remedy=filled(rule.remedy, details),
        count=verdict.count,
        first=verdict.place,
        last=verdict.place,
        evidence=(Evidence(place=verdict.place, text=verdict.told),),
        details=dict(details),
        leads_to=rule.leads_to,
    )
