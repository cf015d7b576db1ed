"""The last two minutes of requests, second by second, in a bounded memory."""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final

from steadfast.observability.requests import RequestEnded, RequestOutcome
from steadfast.observability.status.document import TrafficStatus

_PER_OCTAVE: Final = 8
"""Classes of durations between a duration and its double: a quantile is right to 4.5 %."""
_ANSWERED: Final = frozenset({RequestOutcome.OK, RequestOutcome.DEGRADED})
_OURS: Final = frozenset({RequestOutcome.SHED, RequestOutcome.TIMEOUT, RequestOutcome.ERROR})
_SHORTEST_S: Final = 1e-5


class _Step:
    """What ended within one step of time."""

    __slots__ = ("answered", "failed", "refused", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.failed = 0
        self.refused = 0
        self.answered: Counter[int] = Counter()
        """Answered requests by class of duration."""


class TrafficTrend:
    """Counts requests as they end; costs a microsecond each and never grows."""

    def __init__(self, clock: Callable[[], float], *, steps: int = 120, step_s: float = 1.0) -> None:
        self._clock = clock
        self._step_s = step_s
        self._steps: deque[_Step] = deque((_Step() for _ in range(steps)), maxlen=steps)
        self._now = _Step()
        self._number = self._number_now()

    def hear(self, ended: RequestEnded) -> None:
        """One request is over."""
        self._advance()
        step, outcome = self._now, ended.outcome
        step.requests += 1
        if outcome in _ANSWERED:
            if ended.is_submission:
                return  # it took as long as its upload
            step.answered[_class_of(ended.took_s)] += 1
        elif outcome in _OURS:
            step.failed += 1
        else:
            step.refused += 1

    def status(self, window_s: float = 60.0) -> TrafficStatus:
        """As it stands; the step that still runs is left out."""
        self._advance()
        recent = list(self._steps)[-max(1, round(window_s / self._step_s)) :]
        answered: Counter[int] = Counter()
        for step in recent:
            answered.update(step.answered)
        return TrafficStatus(
            step_s=self._step_s,
            rate=[step.requests / self._step_s for step in self._steps],
            failed=[step.failed / self._step_s for step in self._steps],
            p50_s=[_quantile(step.answered, 0.5) for step in self._steps],
            p90_s=[_quantile(step.answered, 0.9) for step in self._steps],
            window_s=len(recent) * self._step_s,
            requests=sum(step.requests for step in recent),
            failures=sum(step.failed for step in recent),
            refused=sum(step.refused for step in recent),
            window_p50_s=_quantile(answered, 0.5),
            window_p90_s=_quantile(answered, 0.9),
            window_p99_s=_quantile(answered, 0.99),
        )

    def _number_now(self) -> int:
        return int(self._clock() / self._step_s)

    def _advance(self) -> None:
        number = self._number_now()
        if number == self._number:
            return
        self._steps.append(self._now)
        assert self._steps.maxlen is not None
        quiet = min(number - self._number - 1, self._steps.maxlen)
        self._steps.extend(_Step() for _ in range(quiet))
        self._now, self._number = _Step(), number


def _class_of(took_s: float) -> int:
    return round(math.log2(max(took_s, _SHORTEST_S)) * _PER_OCTAVE)


def _quantile(counts: Counter[int], share: float) -> float | None:
    """The duration that this share of requests did not exceed; None where there is none."""
    total = counts.total()
    if not total:
        return None
    return float(round(2.0 ** (_nth(sorted(counts.items()), share * total) / _PER_OCTAVE), 6))


def _nth(counts: Iterable[tuple[int, int]], wanted: float) -> int:
    seen, last = 0, 0
    for duration_class, count in counts:
        seen, last = seen + count, duration_class
        if seen >= wanted:
            break
    return last
