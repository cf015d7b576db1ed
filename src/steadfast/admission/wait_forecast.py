"""How long will the line take? From the work ahead, the workers, and how fast work was really done lately."""

import math
from collections import deque
from collections.abc import Callable
from statistics import median

from steadfast.admission.arrival import Priority

_ERRORS = 256
_LEAST_ERRORS = 12
_SHORTEST_S = 0.02
"""Waits below this are over before anybody could act on them; their relative error says nothing."""
_MEMORY_S = 60.0
_TRUSTED_WORK = 8
"""Requests' worth of work in memory before the measured pace is believed."""
_BIAS_RATE = 0.02
_MOST_BIAS = math.log(4.0)
_FIRST_ERROR = 0.1
_CAUTION_STEP, _MOST_CAUTION, _CAUTION_KEPT = 0.5, 2.0, 0.95
_LEAST_RESERVE, _MOST_RESERVE, _RESERVE_OF_ERROR = 0.3, 1.0, 5.0


class Pace:
    """Predicted work done per second of busy workers: 1 where predictions and overheads add up.

    It is 0.5 where requests take twice the time predicted, and falls while workers hang or are missing.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._done_s = 0.0
        self._spent_s = 0.0
        self._usual_s = 0.0
        self._last_s = clock()

    def finish(self, work_s: float, workers: int) -> None:
        """A request predicted to take `work_s` is done, and no worker was idle since the last was."""
        now_s = self._clock()
        since_s, self._last_s = now_s - self._last_s, now_s
        kept = math.exp(-since_s / _MEMORY_S)
        self._done_s = self._done_s * kept + work_s
        self._spent_s = self._spent_s * kept + since_s * workers
        self._usual_s += 0.05 * (work_s - self._usual_s)

    def restart(self) -> None:
        """Some worker was idle until now; that must not count as slowness."""
        self._last_s = self._clock()

    @property
    def value(self) -> float:
        """Between 1/8 and 8."""
        doubt_s = _TRUSTED_WORK * self._usual_s  # as if that much had been done as predicted
        if not doubt_s:
            return 1.0
        return min(8.0, max(0.125, (self._done_s + doubt_s) / (self._spent_s + doubt_s)))


class Calibration:
    """What predictions of waits were wrong by, per priority, learned from those that have waited."""

    def __init__(self) -> None:
        self._bias = dict.fromkeys(Priority, 0.0)
        self._errors: deque[float] = deque(maxlen=_ERRORS)
        self._typical_error = _FIRST_ERROR
        self._caution = 0.0

    def correct(self, priority: Priority, raw_s: float) -> float:
        """The prediction with what was learned."""
        return raw_s * math.exp(self._bias[priority])

    def observe(self, priority: Priority, *, raw_s: float, predicted_s: float, waited_s: float) -> None:
        """Compares a prediction, as `correct` gave it when asked for `raw_s`, with what came of it."""
        self._caution *= _CAUTION_KEPT
        if waited_s < _SHORTEST_S:
            return
        error = abs(predicted_s - waited_s) / waited_s
        self._errors.append(error)
        self._typical_error += _BIAS_RATE * (min(error, 1.0) - self._typical_error)
        if raw_s < _SHORTEST_S:
            return
        # A mean of what the uncorrected ones were wrong by. Adding up what the corrected ones were wrong by
        # would swing: their truth comes a whole wait later.
        ratio = min(_MOST_BIAS, max(-_MOST_BIAS, math.log(waited_s / raw_s)))
        self._bias[priority] += _BIAS_RATE * (ratio - self._bias[priority])

    @property
    def error(self) -> float | None:
        """Median absolute error of the last predictions, as a part of the true wait; None: too few yet."""
        return median(self._errors) if len(self._errors) >= _LEAST_ERRORS else None

    def count_vain_wait(self) -> None:
        """Somebody waited and was sent away, or was let in too late: a refusal at the door is better."""
        self._caution = min(_MOST_CAUTION, self._caution + _CAUTION_STEP)

    @property
    def reserve(self) -> float:
        """Part of a prediction to be added where a wait that turns out longer would be in vain."""
        usual = min(_MOST_RESERVE, max(_LEAST_RESERVE, _RESERVE_OF_ERROR * self._typical_error))
        return usual + self._caution
