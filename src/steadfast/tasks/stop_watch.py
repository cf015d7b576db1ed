"""How long the stages of a piece of work took."""

import time
from collections.abc import Callable

from steadfast.spans import RECORDER

_SPANS = {"read": "decode", "write": "encode"}
"""Stages by the names that they have in every task."""


class StopWatch:
    """Seconds by stage; also told to the trace of the request, if it has one."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._last = clock()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Ends a stage; what came since the last one was spent on it."""
        now = self._clock()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._last
        RECORDER.note(_SPANS.get(stage, stage), self._last, now)
        self._last = now
