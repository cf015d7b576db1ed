"""How long will a request take a worker? Learned online, per task, from what was known before and after.

Times follow power laws of sizes nearly enough, so the logarithm of the time is fitted to the logarithms of
the numbers (`bytes`, `pixels`, `faces`, …) and to which word was said (`engine`, `format`). What the worker
reports afterwards replaces what a header claimed: a header that lies spoils one prediction and not the model.
What is not known before (the faces in a picture) is guessed from what was reported for requests of that size.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, median

import msgspec

from steadfast.admission.regression import RobustRegression

Features = Mapping[str, float | str]

_MOST_INPUTS = 12
_LEAST_OBSERVATIONS = 12
_RECENT = 64
_JUDGED = 256
_RECKON_EVERY = 8
_MOST_RATIO = 20.0
_MOST_SAID = 256
_FIRST_GUESS_S = 1.0
_SHORTEST_S = 1e-5
_SLOW = 0.9
_RATE = 0.01
"""Weight of one observation in running means: they cover about the last hundred."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a request will probably take of one worker."""

    median_s: float
    """As likely more as less."""
    mean_s: float
    """What counts when many are added up; above the median where a few take very long."""
    slow_s: float
    """Nine of ten take less."""


@dataclass(slots=True)
class _Habit:
    """Running mean of a feature (as log1p), and how it goes along with the size in bytes."""

    mean: float = 0.0
    size_mean: float = 0.0
    size_variance: float = 0.0
    covariance: float = 0.0
    observations: int = 0

    def observe(self, value: float, size: float) -> None:
        self.observations += 1
        rate = max(_RATE, 1.0 / self.observations)
        off_size, off_value = size - self.size_mean, value - self.mean
        self.size_mean += rate * off_size
        self.mean += rate * off_value
        self.size_variance += rate * (off_size * (size - self.size_mean) - self.size_variance)
        self.covariance += rate * (off_value * (size - self.size_mean) - self.covariance)

    def guess(self, size: float | None) -> float:
        if size is None or self.size_variance < 1e-6:
            return self.mean
        return self.mean + self.covariance / self.size_variance * (size - self.size_mean)


@dataclass(slots=True)
class _Range:
    low: float = math.inf
    high: float = -math.inf

    def widen(self, value: float) -> None:
        self.low, self.high = min(self.low, value), max(self.high, value)

    def clip(self, value: float) -> float:
        # A straight line is only known where something was seen; a little beyond is fair.
        return min(max(value, self.low - 1.0), self.high + 1.0) if self.high >= self.low else 0.0


@dataclass(slots=True)
class _Columns:
    """Which input of the regression is what; 0 is the constant."""

    at: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int | None:
        if name not in self.at and len(self.at) < _MOST_INPUTS - 1:
            self.at[name] = len(self.at) + 1
        return self.at.get(name)


class ServiceTimePredictor:
    """One task's predictor."""

    def __init__(self, *, first_guess_s: float = _FIRST_GUESS_S) -> None:
        """`first_guess_s`: what to say before anything was seen."""
        self._first_guess_s = first_guess_s
        self._regression = RobustRegression(_MOST_INPUTS)
        self._columns = _Columns()
        self._habits: dict[str, _Habit] = {}
        self._ranges: dict[str, _Range] = {}
        self._recent_s: deque[float] = deque(maxlen=_RECENT)
        self._ratios: deque[float] = deque(maxlen=_JUDGED)
        self._mean_over_median = 1.0
        self._slow_over_median = 1.5
        self._said: dict[tuple[float | str, ...], Forecast] = {}
        """Forecasts since the last lesson: requests that are alike come close together."""

    def expect(self, first_guess_s: float) -> None:
        """Says better than a guess what a request takes; what was learned from requests outweighs it."""
        self._first_guess_s = max(_SHORTEST_S, first_guess_s)
        self._said.clear()

    def predict(self, features: Features) -> Forecast:
        """What a request with these features will take."""
        alike = (*features, *features.values())
        forecast = self._said.get(alike)
        if forecast is None:
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            forecast = self._said[alike] = self._forecast(features)
        return forecast

    def _forecast(self, features: Features) -> Forecast:
        if self._regression.observations < _LEAST_OBSERVATIONS:
            return self._by_quantile()
        median_s = math.exp(self._regression.estimate(self._inputs(features)))
        # Beyond anything seen lately a formula is not to be believed, whatever a header claims.
        median_s = min(max(median_s, min(self._recent_s) / 4), max(self._recent_s) * 4)
        return Forecast(
            median_s=median_s,
            mean_s=median_s * self._mean_over_median,
            slow_s=median_s * self._slow_over_median,
        )

    def learn(self, features: Features, cost: Mapping[str, float], worked_s: float) -> None:
        """Learns from a finished request: `cost` is what its worker reported."""
        worked_s = max(worked_s, _SHORTEST_S)
        self._judge(self.predict(features), worked_s)
        self._recent_s.append(worked_s)
        known = {**features, **cost}
        self._note(known)
        self._regression.observe(self._inputs(known), math.log(worked_s))
        self._said.clear()

    @property
    def error(self) -> float | None:
        """Median absolute error of the last predictions, as a part of the true time; None: too few yet."""
        if len(self._ratios) < _LEAST_OBSERVATIONS:
            return None
        return median(abs(1.0 / ratio - 1.0) for ratio in self._ratios)

    @property
    def observations(self) -> int:
        """Finished requests it has learned from."""
        return self._regression.observations

    def _by_quantile(self) -> Forecast:
        if not self._recent_s:
            guess_s = self._first_guess_s
            return Forecast(median_s=guess_s, mean_s=guess_s, slow_s=guess_s)
        ordered = sorted(self._recent_s)
        return Forecast(median_s=median(ordered), mean_s=fmean(ordered), slow_s=ordered[-1])

    def _judge(self, forecast: Forecast, worked_s: float) -> None:
        if self._regression.observations < _LEAST_OBSERVATIONS:
            return
        self._ratios.append(min(worked_s / forecast.median_s, _MOST_RATIO))
        if self._regression.observations % _RECKON_EVERY == 0:
            ordered = sorted(self._ratios)
            self._mean_over_median = fmean(ordered)
            self._slow_over_median = max(1.0, ordered[int(_SLOW * (len(ordered) - 1))])

    def _note(self, known: Features) -> None:
        size = known.get("bytes")
        size_log = math.log1p(size) if isinstance(size, int | float) else 0.0
        for name, value in known.items():
            if isinstance(value, str):
                self._columns.place(f"{name}={value}")
            elif self._columns.place(name) is not None:
                log = math.log1p(max(0.0, value))
                self._habits.setdefault(name, _Habit()).observe(log, size_log)
                self._ranges.setdefault(name, _Range()).widen(log)

    def _inputs(self, known: Features) -> list[float]:
        size = known.get("bytes")
        size_log = math.log1p(size) if isinstance(size, int | float) else None
        inputs = [1.0] + [0.0] * (_MOST_INPUTS - 1)
        for name, value in known.items():
            if isinstance(value, str) and (column := self._columns.at.get(f"{name}={value}")):
                inputs[column] = 1.0
        for name, habit in self._habits.items():
            number = known.get(name)
            log = math.log1p(max(0.0, number)) if isinstance(number, int | float) else habit.guess(size_log)
            # Around the mean, so that an input that hardly varies is not mistaken for the constant.
            inputs[self._columns.at[name]] = self._ranges[name].clip(log) - habit.mean
        return inputs
