"""May a worker be started now? One task's restart budget and breaker, and what callers get meanwhile."""

from collections.abc import Callable

from steadfast.errors import BreakerOpen
from steadfast.events import publish
from steadfast.runtime.breaker import Breaker, BreakerState
from steadfast.runtime.events import BreakerChanged
from steadfast.runtime.options import RestartOptions
from steadfast.runtime.restart_budget import RestartBudget

_LOOK_AGAIN_S = 1.0


class Hiring:
    """The gate that every start of a worker passes."""

    def __init__(self, *, task: str, options: RestartOptions, clock: Callable[[], float]) -> None:
        self._task = task
        self._breaker = Breaker(open_s=options.open_s, clock=clock)
        self._budget = RestartBudget(
            deaths=options.deaths,
            window_s=options.window_s,
            first_pause_s=options.first_pause_s,
            longest_pause_s=options.longest_pause_s,
            clock=clock,
        )
        self.last_failure = ""
        """Why the latest worker did not come up, in words."""

    @property
    def state(self) -> BreakerState:
        """Of the breaker, now."""
        return self._breaker.state

    @property
    def exhausted(self) -> bool:
        """Whether more died before a first success than are allowed, though others may serve."""
        return self.state is not BreakerState.CLOSED or self._budget.exceeded

    def pause_s(self, *, somebody_is_coming: bool) -> float:
        """Time until the next start may be; 0: now."""
        match self._breaker.state:
            case BreakerState.OPEN:
                return self._breaker.retry_after_s
            case BreakerState.HALF_OPEN:  # one trial at a time
                return _LOOK_AGAIN_S if somebody_is_coming else 0.0
            case BreakerState.CLOSED:
                return self._budget.pause_s

    def count_early_death(self, *, somebody_serves: bool = False) -> None:
        """A worker died, or could not be started, before its first success.

        While somebody serves, a spare that cannot load only makes the pauses longer: the task lives.
        """
        self._budget.count_death()
        if somebody_serves and self._breaker.state is BreakerState.CLOSED:
            return
        trial_failed = self._breaker.state is BreakerState.HALF_OPEN
        if trial_failed or (self._breaker.state is BreakerState.CLOSED and self._budget.exceeded):
            self._breaker.open()
            publish(BreakerChanged(task=self._task, state=BreakerState.OPEN))

    def hurry(self) -> None:
        """A place that served stands empty: whoever is to fill it does not wait for what spares have done."""
        self._budget.end_pause()

    def count_arrival(self) -> None:
        """A worker came up and passed its canary."""
        self.last_failure = ""
        self._budget.count_success()
        if self._breaker.state is not BreakerState.CLOSED:
            self.forget()

    def forget(self) -> None:
        """Starts anew: the breaker closed on a passed canary, or the settings are new."""
        self._budget.forget()
        if self._breaker.state is not BreakerState.CLOSED:
            self._breaker.close()
            publish(BreakerChanged(task=self._task, state=BreakerState.CLOSED))

    def refusal(self) -> BreakerOpen:
        """What callers get while nobody lives and nobody may be started."""
        why = f": {self.last_failure}" if self.last_failure else "."
        return BreakerOpen(
            f"The workers of {self._task} die before they serve{why}",
            retry_after_s=max(1.0, self._breaker.retry_after_s),
        )
