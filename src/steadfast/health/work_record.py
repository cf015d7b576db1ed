"""What the tasks have done lately: the record that capability probes and the detector read.

It counts finished work only. Requests are told by `ObservedRuntime`, canaries by the runtime's events.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

_RECENT: Final = 64
_LEARNED: Final = 32
"""Pieces of work after which a baseline says something."""
_FORGET: Final = 0.02
"""Weight of a new piece of work in a baseline."""


@dataclass(kw_only=True, slots=True)
class SizeClass:
    """Work of one task of about the same size: what it usually takes."""

    baseline_log_ms: float = 0.0
    """Mean logarithm of the milliseconds, which forgets slowly."""
    spread: float = 0.3
    """Mean distance of a logarithm from it."""
    count: int = 0
    fresh_ms: list[float] = field(default_factory=list)
    """Of this interval; not in the baseline yet."""

    @property
    def baseline_ms(self) -> float | None:
        """What it usually takes; None before enough was seen."""
        return math.exp(self.baseline_log_ms) if self.count >= _LEARNED else None

    def settle(self, *, learn: bool) -> None:
        """Ends an interval; `learn`: its work is normal and becomes part of the baseline."""
        fresh, self.fresh_ms = self.fresh_ms, []
        if not learn:
            return
        for took_ms in fresh:
            self.count += 1
            weight = max(_FORGET, 1 / self.count)
            distance = math.log(took_ms) - self.baseline_log_ms
            self.baseline_log_ms += weight * distance
            if self.count > 1:
                self.spread += max(_FORGET, 1 / (self.count + 1)) * (abs(distance) - self.spread)


@dataclass(kw_only=True, slots=True)
class TaskRecord:
    """One task."""

    finished: int = 0
    """Answers, errors of the caller's among them."""
    failed: int = 0
    """Requests that failed by our fault."""
    arrived: int = 0
    last_good_at_s: float | None = None
    """When a request or a canary last came back with a good answer."""
    last_good_was_canary: bool = False
    canary_passed: bool | None = None
    """What the last canary said; None: there was none yet."""
    deaths_at_s: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    """When workers have died that nobody wanted to die."""
    recent_ratio: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """How the last pieces of work compare with the usual of their size."""
    sizes: dict[int, SizeClass] = field(default_factory=dict)
    """By the logarithm of their size to base 2."""

    @property
    def slowness(self) -> float | None:
        """Median of what work takes now over what it usually takes; None: too little was seen."""
        return median(self.recent_ratio) if len(self.recent_ratio) >= 8 else None


class WorkRecord:
    """All tasks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.tasks: dict[str, TaskRecord] = {}

    def task(self, name: str) -> TaskRecord:
        """The record of a task; a new one begins empty."""
        record = self.tasks.get(name)
        if record is None:
            record = self.tasks[name] = TaskRecord()
        return record

    def count_arrival(self, task: str) -> None:
        """A request was handed to the runtime."""
        self.task(task).arrived += 1

    def count_work(self, task: str, *, size: float, worked_ms: float) -> None:
        """A request was answered; `size` in bytes or pixels, whatever grows with the work."""
        record = self.task(task)
        record.finished += 1
        record.last_good_at_s, record.last_good_was_canary = self._clock(), False
        kind = size_class(size)
        work = record.sizes.get(kind)
        if work is None:
            work = record.sizes[kind] = SizeClass()
        if worked_ms > 0:
            work.fresh_ms.append(worked_ms)
            if (usual_ms := work.baseline_ms) is not None:
                record.recent_ratio.append(worked_ms / usual_ms)

    def count_refusal(self, task: str, *, is_ours: bool) -> None:
        """A request ended with an error: ours, or the caller's, which proves that the task works."""
        record = self.task(task)
        record.finished += 1
        record.failed += is_ours

    def count_death(self, task: str) -> None:
        """A worker has died that nobody wanted to die."""
        self.task(task).deaths_at_s.append(self._clock())

    def count_canary(self, task: str, *, passed: bool) -> None:
        """An inference with a known answer came back."""
        record = self.task(task)
        record.canary_passed = passed
        if passed:
            record.last_good_at_s, record.last_good_was_canary = self._clock(), True


def size_class(size: float) -> int:
    """Work whose sizes are within a factor of two is of one class."""
    return max(0, round(math.log2(size))) if size >= 1 else 0
