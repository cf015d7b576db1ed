"""Change points and trends in a run of numbers, by ranks and medians, which a few odd values do not move."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, median

_LEAST_POINTS = 24
_LEAST_SCORE = 8.0  # standard errors; autocorrelated but healthy latency stays below
_MAD_TO_SIGMA = 1.4826
_LEAST_SHARE = 1 / 16  # of the run that the shifted part, and what lies before it, must have


@dataclass(frozen=True, slots=True)
class Shift:
    """A part of the run lies higher than the rest."""

    start: int
    end: int
    """Beyond its last point; the length of the run where it lasts to the end."""
    before: float
    """Median outside."""
    after: float
    """Median inside."""
    residual: float
    """Mean absolute distance from the two medians."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through the run, by the median of all slopes (Theil–Sen)."""

    begin: float
    """Where the line starts."""
    end: float
    """Where it ends."""
    tau: float
    """Kendall's rank correlation with time: 1 where every value is above all before it."""
    late_share: float
    """Slope of the last third by the slope of all: near 0 where the rise has come to rest."""
    residual: float
    """Mean absolute distance from the line."""


def find_shift(values: Sequence[float]) -> Shift | None:
    """The part that stands out most above the rest, if it does so beyond the noise of neighbours."""
    count = len(values)
    if count < _LEAST_POINTS:
        return None
    least = max(3, round(count * _LEAST_SHARE))
    sums = [0.0, *accumulate(values)]
    noise = _noise(values)
    best, where = 0.0, (0, 0)
    for start in range(least, count - least + 1):
        for end in range(start + least, count + 1):
            inside, size = sums[end] - sums[start], end - start
            rest = count - size
            rise = inside / size - (sums[count] - inside) / rest
            score = rise * math.sqrt(size * rest / count)
            if score > best:
                best, where = score, (start, end)
    if not best or best < _LEAST_SCORE * noise:
        return None
    return _shift(values, *where)


def _shift(values: Sequence[float], start: int, end: int) -> Shift:
    outside = [*values[:start], *values[end:]]
    before, after = median(outside), median(values[start:end])
    residual = fmean(
        abs(value - (after if start <= index < end else before)) for index, value in enumerate(values)
    )
    return Shift(start, end, before, after, residual)


def find_trend(values: Sequence[float]) -> Trend | None:
    """The line through the run; None where it is too short."""
    count = len(values)
    if count < _LEAST_POINTS:
        return None
    slope, concordance = _slope(values), _concordance(values)
    middle = median(values)
    begin = middle - slope * (count - 1) / 2
    late = _slope(values[-(count // 3) :])
    residual = fmean(abs(value - (begin + slope * index)) for index, value in enumerate(values))
    return Trend(
        begin=begin,
        end=begin + slope * (count - 1),
        tau=concordance / (count * (count - 1) / 2),
        late_share=late / slope if slope else 0.0,
        residual=residual,
    )


def _slope(values: Sequence[float]) -> float:
    return median(
        (values[later] - values[earlier]) / (later - earlier)
        for earlier in range(len(values))
        for later in range(earlier + 1, len(values))
    )


def _concordance(values: Sequence[float]) -> int:
    """Pairs that rise less pairs that fall."""
    balance = 0
    for index, value in enumerate(values):
        for later in values[index + 1 :]:
            balance += (later > value) - (later < value)
    return balance


def _noise(values: Sequence[float]) -> float:
    """Standard deviation of the noise, from differences of neighbours: shifts and trends add little to it."""
    steps = [abs(later - earlier) for earlier, later in pairwise(values)]
    sigma = _MAD_TO_SIGMA * median(steps) / math.sqrt(2)
    # Values that were rounded before they were written may not differ at all.
    return max(sigma, 1e-3 * abs(median(values)), 1e-9)
