"""The gate: every request that needs a worker passes it, or learns at once that it cannot and when it could.

Refused are: who sends too often (429), who would wait longer than its deadline allows and who finds the line
full (503). Who waits is served by weight of priority and in fairness between clients; who can no longer be
done in time is sent away, least urgent first. Each refusal says when a new try is worth it.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from steadfast.admission.arrival import Arrival
from steadfast.admission.events import Refusal, RequestRefused
from steadfast.admission.lane import Lane
from steadfast.admission.permit import Permit
from steadfast.admission.rate import NO_LIMIT, Rate, RateLimit, neighbourhood
from steadfast.admission.snapshot import GateSnapshot
from steadfast.errors import RateLimited, ShuttingDown
from steadfast.events import publish


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOptions:
    """How much is let in; `app` fills it from the settings."""

    max_waiting: int = 256
    """Requests of one task that may wait."""
    rate_of_key: Rate = NO_LIMIT
    """What one API key may send."""
    rate_of_address: Rate = NO_LIMIT
    """What one address may send; an IPv6 network of /64 counts as one."""
    first_guess_s: float = 1.0
    """What a request takes, before the first was seen and where nobody said so (`Gate.expect`)."""


class Gate:
    """Admission to all tasks. Lives on one event loop."""

    def __init__(
        self, options: GateOptions | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self.follow(options or GateOptions())
        self._limited: Counter[Refusal] = Counter()
        self._open = True

    def follow(self, options: GateOptions) -> None:
        """These from now on. Rates count anew; who waits stays, even beyond a shorter line."""
        self._options = options
        self._by_key = RateLimit(options.rate_of_key, clock=self._clock)
        self._by_address = RateLimit(options.rate_of_address, clock=self._clock)
        self._has_rates = bool(options.rate_of_key.per_s or options.rate_of_address.per_s)
        for lane in self._lanes.values():
            lane.resize(options.max_waiting)

    def rate_limits(self) -> dict[str, RateLimit]:
        """Those that hold now, by whom they count: for servers that count together."""
        return {"key": self._by_key, "address": self._by_address}

    def knock(self, arrival: Arrival, *, body_is_here: bool = False) -> None:
        """Refuses, as soon as its headers are here, a request whose body need not be read at all.

        Counts it against its rates. Where the body came with the headers little is saved by asking how long
        the line is before `admit` does, unless most are refused. Raises `RateLimited`, `Overloaded` or
        `ShuttingDown`.
        """
        self._take_tokens(arrival)
        lane = self._lane(arrival.task)
        if not body_is_here or lane.is_refusing:
            lane.check(arrival)

    def admit(self, arrival: Arrival, *, knocked: bool = False) -> Permit:
        """The permit to enter: `async with gate.admit(arrival) as permit`, which waits for its turn.

        `knocked`: it was counted against its rates when it knocked. Raises `RateLimited` or `ShuttingDown`;
        entering raises `Overloaded`, at once or after a wait.
        """
        if not knocked:
            self._take_tokens(arrival)
        return Permit(self._lane(arrival.task), arrival, now_s=self._clock())

    def staff(self, task: str, workers: int) -> None:
        """Says how many requests of `task` can be worked on at once now: able workers times their batch.

        With none at all it counts as one: the runtime knows better whether to wait or to refuse.
        """
        self._lane(task).staff(workers)

    def expect(self, task: str, request_s: float) -> None:
        """Says what a request to `task` takes, as far as can be known before the first one was done."""
        self._lane(task).expect(request_s)

    def predicted_wait_s(self, arrival: Arrival) -> float:
        """How long such a request would wait if it came now; 0: it would not."""
        return self._lane(arrival.task).predicted_wait_s(arrival.priority, arrival.flow)

    def waiting(self, task: str) -> int:
        """How many wait for `task` now."""
        return self._lane(task).waiting

    def close(self) -> None:
        """Takes nothing new from now on; who waits goes on waiting."""
        self._open = False

    def refuse_waiting(self) -> None:
        """Sends everyone away who is not inside: the grace period is over."""
        for lane in self._lanes.values():
            lane.refuse_waiting()

    def snapshot(self) -> GateSnapshot:
        """Everything that is known now; cheap."""
        lanes = tuple(lane.snapshot() for lane in self._lanes.values())
        return GateSnapshot(lanes=lanes, limited=dict(self._limited), open=self._open)

    def _lane(self, task: str) -> Lane:
        lane = self._lanes.get(task)
        if lane is None:
            options = self._options
            lane = Lane(
                task,
                max_waiting=options.max_waiting,
                first_guess_s=options.first_guess_s,
                clock=self._clock,
            )
            self._lanes[task] = lane
        return lane

    def _take_tokens(self, arrival: Arrival) -> None:
        if not self._open:
            raise self._refuse(arrival, Refusal.CLOSED, 0.0)
        if not self._has_rates:
            return
        address = neighbourhood(arrival.address)
        if (wait_s := self._by_address.wait_s(address)) > 0.0:
            raise self._refuse(arrival, Refusal.RATE_OF_ADDRESS, wait_s)
        if (wait_s := self._by_key.wait_s(arrival.key)) > 0.0:
            raise self._refuse(arrival, Refusal.RATE_OF_KEY, wait_s)
        # Both are asked before either is charged: a refused request costs nothing.
        self._by_address.take(address)
        self._by_key.take(arrival.key)

    def _refuse(self, arrival: Arrival, reason: Refusal, wait_s: float) -> RateLimited | ShuttingDown:
        self._limited[reason] += 1
        publish(
            RequestRefused(task=arrival.task, priority=arrival.priority, reason=reason, retry_after_s=wait_s)
        )
        if reason is Refusal.CLOSED:
            return ShuttingDown("The service is stopping.")
        who = "This API key" if reason is Refusal.RATE_OF_KEY else "This address"
        return RateLimited(f"{who} sends more requests than it may.", retry_after_s=wait_s)
