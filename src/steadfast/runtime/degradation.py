"""The ladder of a worker's place: down when memory runs out, up again after a quiet time."""

from collections.abc import Callable, Sequence

from steadfast.task import OperatingPoint

_LONGEST_FACTOR = 16


class Ladder:
    """At which of a task's operating points one slot works. Level 0 is the best.

    A step up that ends in trouble within the quiet time doubles the next quiet time, up to sixteen times: a
    place that is too small for the best point must not try it every two minutes for ever.
    """

    def __init__(self, *, quiet_s: float, clock: Callable[[], float]) -> None:
        self._quiet_s = quiet_s
        self._clock = clock
        self._points: Sequence[OperatingPoint] = (OperatingPoint(),)
        self._level = 0
        self._quiet_since_s = clock()
        self._factor = 1
        self._climbed = False

    @property
    def level(self) -> int:
        """The step at which workers of this place should stand."""
        return self._level

    @property
    def point(self) -> OperatingPoint:
        """That step."""
        return self._points[self._level]

    def learn(self, points: Sequence[OperatingPoint]) -> None:
        """The task's ladder, as a worker told it."""
        self._points = points
        self._level = min(self._level, len(points) - 1)

    def adopt(self, level: int) -> None:
        """The worker that came here could load at no better step than this."""
        if level > self._level:
            self._level = min(level, len(self._points) - 1)
            self._quiet_since_s = self._clock()

    def step_down(self) -> bool:
        """Memory ran out here; the answer is whether there is a cheaper step to go to."""
        now_s = self._clock()
        if self._climbed and now_s - self._quiet_since_s < self._quiet_s:
            self._factor = min(_LONGEST_FACTOR, self._factor * 2)
        self._climbed = False
        self._quiet_since_s = now_s
        if self._level + 1 >= len(self._points):
            return False
        self._level += 1
        return True

    @property
    def climb_due(self) -> bool:
        """Whether it was quiet for long enough to ask for more."""
        return self._level > 0 and self._clock() - self._quiet_since_s >= self._quiet_s * self._factor

    def step_up(self) -> int:
        """Tries the next better step; `step_down` takes it back if the canary fails there."""
        self._level -= 1
        self._climbed = True
        self._quiet_since_s = self._clock()
        return self._level

    def settle(self) -> None:
        """At the best step, and quiet for long enough: earlier failures to climb are forgotten."""
        if self._level == 0 and self._clock() - self._quiet_since_s >= self._quiet_s:
            self._factor = 1
