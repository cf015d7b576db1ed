"""One task's part of the gate: who is inside, who waits, who is sent away."""

import asyncio
from collections import Counter
from collections.abc import Callable

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.concurrency import ConcurrencyLimit
from steadfast.admission.events import ConcurrencyChanged, Refusal, RequestRefused, RequestShed
from steadfast.admission.inflow import Inflow
from steadfast.admission.least_need import LeastNeed
from steadfast.admission.permit import Permit
from steadfast.admission.prediction import Forecast, ServiceTimePredictor
from steadfast.admission.presence import Presence
from steadfast.admission.snapshot import LaneSnapshot
from steadfast.admission.wait_forecast import Calibration, Pace
from steadfast.admission.waiting_line import Waiter, WaitingLine
from steadfast.errors import Overloaded
from steadfast.events import publish

_LOOK_EVERY_S = 0.25
"""How often those who wait are looked through for hopeless ones."""
_LEARN_EVERY_S = 0.01
"""Requests that take less than a millisecond would cost more to learn from than to serve."""
_SHORT_S = 0.02
"""Waits that are over before anybody could act on them, so that it does not matter how long they are."""
_HOPE = 0.7
"""A prediction of a wait may be that much too long before somebody is sent away for it."""
_REFUSING_S = 1.0
_LEFT_OF_WORK = 0.3
"""Of the usual time, what a request that should have been done by now is still expected to take."""


class Lane:
    """Admission to one task. Everything happens on one event loop; nothing here blocks."""

    def __init__(
        self, task: str, *, max_waiting: int, first_guess_s: float, clock: Callable[[], float]
    ) -> None:
        self.task = task
        self.clock = clock
        self._predictor = ServiceTimePredictor(first_guess_s=first_guess_s)
        self._limit = ConcurrencyLimit()
        self._line: WaitingLine[Permit] = WaitingLine(capacity=max_waiting)
        self._waiters: dict[Permit, Waiter[Permit]] = {}
        self._inside: set[Permit] = set()
        self._pace = Pace(clock=clock)
        self._presence = Presence(self._limit.workers, clock=clock)
        self._calibration = Calibration()
        self._inflow = Inflow(clock=clock)
        self._look: asyncio.TimerHandle | None = None
        self._counts: Counter[str] = Counter()
        self._refused: Counter[Refusal] = Counter()
        self._learn_at_s = 0.0
        self._needs = LeastNeed()
        self._refused_at_s = -_REFUSING_S

    def resize(self, max_waiting: int) -> None:
        """Another length of the line; who waits already stays."""
        self._line.capacity = max_waiting

    def expect(self, request_s: float) -> None:
        """What a request takes, while none has shown it."""
        self._predictor.expect(request_s)

    # --- in ---------------------------------------------------------------------------------------------

    def check(self, arrival: Arrival) -> None:
        """Raises `Overloaded` if such a request would be refused now, were it the least work of its kind."""
        if not self._is_crowded:
            return
        if not self._line.is_full and self._longest_wait_s() < min(_SHORT_S, arrival.deadline_s / 2):
            return
        wait_s = self.predicted_wait_s(arrival.priority, arrival.flow)
        needed_s = self._needs.of(arrival.kind)
        if wait_s * (1.0 + self._calibration.reserve) + needed_s > arrival.deadline_s:
            raise self._refusal(arrival, Refusal.TOO_LATE, wait_s)
        if self._line.is_full and self._line.least_urgent_below(arrival.priority) is None:
            raise self._refusal(arrival, Refusal.QUEUE_FULL, wait_s)

    def enter(self, permit: Permit) -> asyncio.Future[None] | None:
        """Lets it in now (None), or has it wait (a future). Raises `Overloaded`."""
        if not self._is_crowded:
            self._let_in(permit)
            return None
        arrival = permit.arrival
        permit.raw_wait_s = self._longest_wait_s()
        if permit.raw_wait_s >= _SHORT_S:
            permit.raw_wait_s = self._raw_wait_s(arrival.priority, arrival.flow)
        permit.predicted_wait_s = self._calibration.correct(arrival.priority, permit.raw_wait_s)
        wait_s = permit.predicted_wait_s * (1.0 + self._calibration.reserve)
        needed_s = self._needed_s(permit)
        self._needs.note(arrival.kind, needed_s)
        if wait_s + needed_s > arrival.deadline_s:
            raise self._refusal(arrival, Refusal.TOO_LATE, permit.predicted_wait_s)
        if self._line.is_full and not self._displace_for(permit):
            raise self._refusal(arrival, Refusal.QUEUE_FULL, permit.predicted_wait_s)
        return self._line_up(permit)

    def _line_up(self, permit: Permit) -> asyncio.Future[None]:
        arrival, work_s = permit.arrival, permit.forecast.mean_s
        waiter = Waiter(ticket=permit, priority=arrival.priority, flow=arrival.flow, work_s=work_s)
        self._line.add(waiter)
        self._waiters[permit] = waiter
        self._inflow.add(arrival.priority, work_s)
        loop = asyncio.get_running_loop()
        permit.future = loop.create_future()
        if self._look is None:
            self._look = loop.call_later(_LOOK_EVERY_S, self._look_through)
        return permit.future

    def _let_in(self, permit: Permit) -> None:
        permit.entered_at_s = self.clock()
        if not self._inside:
            self._pace.restart()
        self._inside.add(permit)
        self._counts["admitted"] += 1

    def _displace_for(self, permit: Permit) -> bool:
        waiter = self._line.least_urgent_below(permit.arrival.priority)
        if waiter is None:
            return False
        self._send_away(waiter.ticket, Refusal.DISPLACED)
        return True

    # --- out --------------------------------------------------------------------------------------------

    def leave(self, permit: Permit) -> None:
        """It is done, well or not; its place is free."""
        if permit not in self._inside:
            return
        was_used = len(self._inside) >= self._limit.limit
        self._inside.discard(permit)
        # What failed took its time too, and so will those like it that wait.
        self._keep_pace(permit, was_used=was_used and bool(self._waiters))
        if permit.succeeded:
            self._learn_from(permit, was_used=was_used and bool(self._waiters))
        elif permit.future is not None and permit.left_s <= 0.0:
            self._calibration.count_vain_wait()
        self.pump()

    def give_up(self, permit: Permit) -> None:
        """Nobody waits for it any more."""
        if waiter := self._waiters.pop(permit, None):
            self._line.remove(waiter)
            self._counts["cancelled"] += 1
        else:  # it was let in, or sent away, in the same turn of the loop
            self.leave(permit)

    def pump(self) -> None:
        """Lets in as many as may be inside."""
        while self._waiters and len(self._inside) < self._limit.limit:
            permit = self._line.pop().ticket
            del self._waiters[permit]
            if permit.left_s < self._needed_s(permit):
                self._refuse_waiting(permit, Refusal.HOPELESS)
                continue
            self._let_in(permit)
            self._calibration.observe(
                permit.arrival.priority,
                raw_s=permit.raw_wait_s,
                predicted_s=permit.predicted_wait_s,
                waited_s=permit.waited_s,
            )
            if permit.future is not None and not permit.future.done():
                permit.future.set_result(None)

    def _needed_s(self, permit: Permit) -> float:
        """Time that must be left for it to be worth a worker.

        Late work is lost work, and a worker that cannot stop is killed for it: while others wait who could
        use it better, a request must be almost sure to be done in time.
        """
        return permit.forecast.slow_s if self._waiters else permit.forecast.median_s

    def staff(self, workers: int) -> None:
        """Says how many requests can be worked on at once now."""
        before = self._limit.limit, self._limit.workers
        self._limit.staff(workers)
        if self._counts["admitted"]:
            self._presence.change_to(self._limit.workers)
        else:
            self._presence.begin_with(self._limit.workers)
        self._tell_of_change(*before)
        self.pump()

    def refuse_waiting(self) -> None:
        """Sends everyone away who is not inside."""
        for permit in tuple(self._waiters):
            self._send_away(permit, Refusal.CLOSED)

    def _learn_from(self, permit: Permit, *, was_used: bool) -> None:
        inside_s = self.clock() - (permit.entered_at_s or 0.0)
        worked_s = inside_s if permit.worked_s is None else permit.worked_s
        self._counts["finished"] += 1
        if (now_s := self.clock()) >= self._learn_at_s:
            self._learn_at_s = now_s + _LEARN_EVERY_S
            self._predictor.learn(permit.arrival.features, permit.cost, worked_s)
        before = self._limit.limit, self._limit.workers
        self._limit.observe(inside_s=inside_s, worked_s=worked_s, limit_was_used=was_used)
        self._tell_of_change(*before)

    def _keep_pace(self, permit: Permit, *, was_used: bool) -> None:
        if was_used:
            self._pace.finish(permit.forecast.mean_s, self._limit.workers)
        else:
            self._pace.restart()

    def _tell_of_change(self, limit: int, workers: int) -> None:
        if (self._limit.limit, self._limit.workers) != (limit, workers):
            publish(ConcurrencyChanged(task=self.task, limit=self._limit.limit, workers=self._limit.workers))

    # --- away -------------------------------------------------------------------------------------------

    def _refusal(self, arrival: Arrival, reason: Refusal, wait_s: float) -> Overloaded:
        self._refused_at_s = self.clock()
        self._refused[reason] += 1
        publish(
            RequestRefused(task=self.task, priority=arrival.priority, reason=reason, retry_after_s=wait_s)
        )
        if reason is Refusal.QUEUE_FULL:
            detail = f"{len(self._line)} requests wait already, as many as may."
        else:
            allowed = f"{arrival.deadline_s:.3g} s that are allowed"
            detail = f"The wait would be about {wait_s:.1f} s, too long to be done in the {allowed}."
        return Overloaded(detail, retry_after_s=wait_s)

    def _send_away(self, permit: Permit, reason: Refusal) -> None:
        if waiter := self._waiters.pop(permit, None):
            self._line.remove(waiter)
            self._refuse_waiting(permit, reason)

    def _refuse_waiting(self, permit: Permit, reason: Refusal) -> None:
        arrival = permit.arrival
        waited_s = self.clock() - permit.arrived_at_s
        self._refused[reason] += 1
        if reason is Refusal.HOPELESS:
            self._calibration.count_vain_wait()
        publish(RequestShed(task=self.task, priority=arrival.priority, reason=reason, waited_s=waited_s))
        if permit.future is not None and not permit.future.done():
            retry_after_s = self.predicted_wait_s(arrival.priority, arrival.flow)
            permit.future.set_exception(Overloaded(_WHY_AWAY[reason], retry_after_s=retry_after_s))

    def _look_through(self) -> None:
        """Sends away, least urgent first, whoever cannot be done in time any more."""
        self._look = None
        while hopeless := self._hopeless():
            last = max(hopeless, key=_rank_of)
            for permit in hopeless:
                if permit.arrival.priority is last.arrival.priority:
                    self._send_away(permit, Refusal.HOPELESS)
        if self._waiters:
            self._look = asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._look_through)

    def _hopeless(self) -> list[Permit]:
        """Those who would be late if nobody else were sent away."""
        speed = self._limit.workers * self._pace.value
        now_s, ahead_s = self.clock(), 0.0
        hopeless = []
        for waiter in self._line.in_turn():
            permit = waiter.ticket
            if now_s + _HOPE * ahead_s / speed + permit.forecast.median_s > permit.deadline_at_s:
                hopeless.append(permit)
            ahead_s += waiter.work_s
        return hopeless

    # --- what it knows ----------------------------------------------------------------------------------

    def forecast(self, arrival: Arrival) -> Forecast:
        """What such a request will take of a worker."""
        return self._predictor.predict(arrival.features)

    def predicted_wait_s(self, priority: Priority, flow: str) -> float:
        """How long one that came now would wait outside."""
        return self._calibration.correct(priority, self._raw_wait_s(priority, flow))

    def _raw_wait_s(self, priority: Priority, flow: str) -> float:
        if not self._is_crowded:
            return 0.0
        workers = self._limit.workers
        speed = workers * self._pace.value
        ahead_s = self._line.work_ahead_s(priority, flow, workers=speed, inflow=self._inflow.per_s())
        inside_s, usual_s = self._work_inside()
        # When its turn comes, all others inside are still at it: half-way through, or waiting for a worker.
        others_s = usual_s * (max(0, self._limit.limit - workers) + (workers - 1) / 2)
        return self._presence.time_for(max(0.0, ahead_s + inside_s - others_s), pace=self._pace.value)

    def _longest_wait_s(self) -> float:
        """What a wait would be that came last of all; quicker to know than the right one."""
        work_s, speed = self._line.work_s, self._limit.workers * self._pace.value
        if work_s > _SHORT_S * speed:
            return work_s / speed
        return (work_s + self._work_inside()[0]) / speed

    def _work_inside(self) -> tuple[float, float]:
        """What is left of the work inside, and the usual work of one request there."""
        now_s = self.clock()
        left_s = total_s = 0.0
        for permit in self._inside:
            work_s = permit.forecast.mean_s
            since_s = now_s - (permit.entered_at_s or now_s)
            left_s += max(work_s - since_s, _LEFT_OF_WORK * max(work_s, since_s))
            total_s += work_s
        return left_s, total_s / max(1, len(self._inside))

    @property
    def _is_crowded(self) -> bool:
        """Whether one that came now would have to wait."""
        return bool(self._waiters) or len(self._inside) >= self._limit.limit

    @property
    def is_refusing(self) -> bool:
        """Whether somebody was refused a moment ago: the next one had better be asked about at the door."""
        return self.clock() - self._refused_at_s < _REFUSING_S

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiters)

    def snapshot(self) -> LaneSnapshot:
        """Everything that is known now."""
        return LaneSnapshot(
            task=self.task,
            workers=self._limit.workers,
            limit=self._limit.limit,
            inside=len(self._inside),
            waiting={priority: self._line.count(priority) for priority in Priority},
            oldest_wait_s=self._oldest_wait_s(),
            predicted_wait_s={priority: self.predicted_wait_s(priority, "") for priority in Priority},
            admitted=self._counts["admitted"],
            finished=self._counts["finished"],
            refused=dict(self._refused),
            cancelled=self._counts["cancelled"],
            service_error=self._predictor.error,
            wait_error=self._calibration.error,
            pace=self._pace.value,
        )

    def _oldest_wait_s(self) -> dict[Priority, float]:
        now_s, oldest_s = self.clock(), dict.fromkeys(Priority, 0.0)
        for permit in self._waiters:
            priority = permit.arrival.priority
            oldest_s[priority] = max(oldest_s[priority], now_s - permit.arrived_at_s)
        return oldest_s


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


def _rank_of(permit: Permit) -> int:
    return _RANKS[permit.arrival.priority]


_WHY_AWAY = {
    Refusal.DISPLACED: "A more urgent request needed the place in the line.",
    Refusal.HOPELESS: "The request waited, and can no longer be done in the time that was allowed.",
    Refusal.CLOSED: "The service is stopping.",
}
