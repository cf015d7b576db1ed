"""Work that goes wrong, slower than it did, or not at all; judged against the task's own past."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from steadfast.errors import Severity
from steadfast.health.detection.sign import Scene, Sign
from steadfast.health.work_record import SizeClass, TaskRecord

_SLOWER = 1.8
_LEAST_PIECES = 5
_FORGET = 0.05
"""Weight of one look in what is usual."""
_LEARNED_LOOKS = 6


class LatencyPolicy:
    """The same work takes longer than it did: median of a look against the baseline of its size class."""

    def look(self, scene: Scene) -> Iterable[Sign]:
        """Size classes that are slower than they were; what is slow is not learnt as normal."""
        for task, record in scene.work.tasks.items():
            for size, work in record.sizes.items():
                sign = _slower(task, size, work)
                work.settle(learn=sign is None)
                if sign is not None:
                    yield sign


def _slower(task: str, size: int, work: SizeClass) -> Sign | None:
    usual_ms, fresh = work.baseline_ms, work.fresh_ms
    if usual_ms is None or len(fresh) < _LEAST_PIECES:
        return None
    now_ms = median(fresh)
    # The noise of a median of so many pieces: few pieces of an uneven kind of work prove little.
    noise = 4.0 * work.spread / math.sqrt(len(fresh))
    if now_ms < usual_ms * max(_SLOWER, math.exp(noise)):
        return None
    return Sign(
        kind="latency_regression",
        subject=f"{task}:size-{size}",
        severity=Severity.WARNING,
        evidence=f"work of about 2^{size} takes {now_ms:.1f} ms, usually {usual_ms:.1f} ms",
        task=task,
    )


@dataclass(kw_only=True, slots=True)
class _Rates:
    """What one task does per look."""

    finished: int = 0
    failed: int = 0
    arrived: int = 0
    usual_finished: float = 0.0
    usual_arrived: float = 0.0
    usual_failing: float = 0.0
    """Part of what finishes."""
    looks: int = 0


class RatePolicy:
    """Errors that jump, and throughput that falls off a cliff while work goes on coming."""

    def __init__(self) -> None:
        self._rates: dict[str, _Rates] = {}

    def look(self, scene: Scene) -> Iterable[Sign]:
        """Compares this look with the usual one."""
        for task, record in scene.work.tasks.items():
            rates = self._rates.setdefault(
                task, _Rates(finished=record.finished, failed=record.failed, arrived=record.arrived)
            )
            yield from self._compare(task, rates, record)

    def _compare(self, task: str, rates: _Rates, record: TaskRecord) -> Iterable[Sign]:
        finished = record.finished - rates.finished
        failed, arrived = record.failed - rates.failed, record.arrived - rates.arrived
        rates.finished, rates.failed, rates.arrived = record.finished, record.failed, record.arrived
        failing = failed / finished if finished else 0.0
        is_failing = failed >= 5 and failing > 0.1 and failing > 4 * rates.usual_failing
        is_cliff = (
            rates.looks >= _LEARNED_LOOKS
            and rates.usual_finished >= 10
            and finished < 0.3 * rates.usual_finished
            and arrived >= 0.6 * rates.usual_arrived
        )
        if is_failing:
            yield Sign(
                kind="error_rate",
                subject=task,
                severity=Severity.ERROR,
                evidence=f"{failed} of {finished} requests failed, usually {rates.usual_failing:.1%}",
                task=task,
            )
        if is_cliff:
            yield Sign(
                kind="throughput_cliff",
                subject=task,
                severity=Severity.ERROR,
                evidence=f"{finished} requests finished, usually {rates.usual_finished:.0f}; {arrived} came",
                task=task,
            )
        if not is_failing and not is_cliff:
            _learn(rates, finished, arrived, failing)


def _learn(rates: _Rates, finished: int, arrived: int, failing: float) -> None:
    rates.looks += 1
    weight = max(_FORGET, 1 / rates.looks)
    rates.usual_finished += weight * (finished - rates.usual_finished)
    rates.usual_arrived += weight * (arrived - rates.usual_arrived)
    rates.usual_failing += weight * (failing - rates.usual_failing)
