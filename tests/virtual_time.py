"""An event loop on which no time passes but in steps from one timer to the next: hours take milliseconds.

Real asyncio code runs on it unchanged, with real timers, cancellations and races between callbacks, and
always in the same order. `clock` of the code under test is the loop's `time`.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class _Leap(selectors.SelectSelector):
    """Where a real selector would wait, this one moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits for something that will never happen")
        if not ready and timeout:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at second 0."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        """Seconds that have passed, virtually."""
        return self._leap.now_s


def run_in_virtual_time(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """As `asyncio.run`, but nobody waits."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
