"""Who waits, and whose turn is next: weighted between priorities, fair between clients.

Two levels of fair queueing. A priority (`_Band`) has a virtual time that grows by the work it was given
divided by its weight; the one that is behind is next. Inside a band, each client (`_Flow`) has a virtual time
too. A client that comes anew starts at the band's clock, which advances as in Demers, Keshav and Shenker,
"Analysis and simulation of a fair queueing algorithm" (1989): by the work served divided by the number of
clients that share it. So a stream of ever new clients cannot starve those who wait.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from steadfast.admission.arrival import Priority

WEIGHTS: Mapping[Priority, float] = {Priority.INTERACTIVE: 16.0, Priority.STANDARD: 4.0, Priority.BATCH: 1.0}
"""Shares of the workers' time while all three wait."""

TicketT = TypeVar("TicketT")


@dataclass(kw_only=True, slots=True, eq=False)
class Waiter(Generic[TicketT]):
    """One that waits."""

    ticket: TicketT
    """Whatever the owner of the line wants back."""
    priority: Priority
    flow: str
    """The client by which fairness goes."""
    work_s: float
    """Time of a worker it will probably take."""


@dataclass(kw_only=True, slots=True, eq=False)
class _Flow(Generic[TicketT]):
    name: str
    virtual_s: float
    order: int
    waiters: dict[int, Waiter[TicketT]] = field(default_factory=dict)
    work_s: float = 0.0


class WaitingLine(Generic[TicketT]):
    """A bounded line. Adding beyond the bound is the caller's mistake."""

    def __init__(self, *, capacity: int, weights: Mapping[Priority, float] = WEIGHTS) -> None:
        self.capacity = capacity
        self._bands = {priority: _Band[TicketT](weights[priority], 4 * capacity) for priority in Priority}
        self._virtual_s = 0.0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Waiter[TicketT]]:
        """Everyone, most urgent band first; inside a band in no promised order."""
        for band in self._bands.values():
            yield from band

    @property
    def is_full(self) -> bool:
        """Whether one must go before one can come."""
        return self._count >= self.capacity

    @property
    def work_s(self) -> float:
        """Time of workers that everyone together will probably take."""
        return sum([band.work_s for band in self._bands.values()])

    def count(self, priority: Priority) -> int:
        """How many of that priority wait."""
        return self._bands[priority].count

    def add(self, waiter: Waiter[TicketT]) -> None:
        """Puts it in its client's row. Raises `OverflowError` beyond the capacity."""
        if self.is_full:
            raise OverflowError("the line is full")
        band = self._bands[waiter.priority]
        if not band.count:
            band.virtual_s = max(band.virtual_s, self._virtual_s)
        band.add(waiter)
        self._count += 1

    def pop(self) -> Waiter[TicketT]:
        """Takes who is next. Raises `IndexError` if nobody waits."""
        band = min((b for b in self._bands.values() if b.count), key=lambda b: b.virtual_s, default=None)
        if band is None:
            raise IndexError("nobody waits")
        waiter = band.pop()
        self._virtual_s = band.virtual_s
        band.virtual_s += waiter.work_s / band.weight
        self._count -= 1
        return waiter

    def in_turn(self) -> Iterator[Waiter[TicketT]]:
        """Everyone in the order in which they would be taken if nobody else came."""
        turns = []
        for rank, band in enumerate(self._bands.values()):
            virtual_s = band.virtual_s
            for place, waiter in enumerate(band.in_turn()):
                turns.append((virtual_s, rank, place, waiter))
                virtual_s += waiter.work_s / band.weight
        turns.sort(key=lambda turn: turn[:3])
        return (turn[3] for turn in turns)

    def remove(self, waiter: Waiter[TicketT]) -> bool:
        """Frees the place of one that gave up; whether it was waiting."""
        if not self._bands[waiter.priority].remove(waiter):
            return False
        self._count -= 1
        return True

    def least_urgent_below(self, priority: Priority) -> Waiter[TicketT] | None:
        """Who has to go when one of that priority comes and there is no place: of the least urgent, the
        latest of the client that has most waiting."""
        ranks = list(Priority)
        for lower in reversed(ranks[ranks.index(priority) + 1 :]):
            if self._bands[lower].count:
                return self._bands[lower].latest_of_greediest()
        return None

    def work_ahead_s(
        self, priority: Priority, flow: str, *, workers: float, inflow: Mapping[Priority, float]
    ) -> float:
        """Work that will be given out before one that comes now, in seconds of one worker.

        `inflow`: work per second that keeps coming, by priority; what comes later in a more urgent band still
        goes first, up to that band's share.
        """
        own = self._bands[priority]
        own_ahead_s = own.work_ahead_s(flow)
        own_virtual_s = own.virtual_s if own.count else max(own.virtual_s, self._virtual_s)
        start_s = own_virtual_s + own_ahead_s / own.weight
        total_s = own_ahead_s
        for _ in range(3):  # what comes meanwhile depends on the wait, which depends on what comes
            total_s = own_ahead_s
            wait_s = total_s / workers
            for other, band in self._bands.items():
                if band is not own:
                    total_s += self._ahead_in(band, start_s, inflow.get(other, 0.0) * wait_s)
        return total_s

    def _ahead_in(self, band: "_Band[TicketT]", start_s: float, coming_s: float) -> float:
        virtual_s = band.virtual_s if band.count else max(band.virtual_s, self._virtual_s)
        share_s = max(0.0, start_s - virtual_s) * band.weight
        return min(band.work_s + coming_s, share_s)


class _Band(Generic[TicketT]):
    """The clients of one priority."""

    def __init__(self, weight: float, most_departed: int) -> None:
        self.weight = weight
        self.virtual_s = 0.0
        self.count = 0
        self.work_s = 0.0
        self._clock_s = 0.0
        self._most_departed = most_departed
        self._arrivals = 0
        self._flows: dict[str, _Flow[TicketT]] = {}
        # What clients that have nothing waiting were given ahead of others: or leaving and coming back after
        # each request would be a way to the front.
        self._departed: OrderedDict[str, float] = OrderedDict()

    def __iter__(self) -> Iterator[Waiter[TicketT]]:
        for flow in self._flows.values():
            yield from flow.waiters.values()

    def add(self, waiter: Waiter[TicketT]) -> None:
        flow = self._flows.get(waiter.flow)
        self._arrivals += 1
        if flow is None:
            virtual_s = max(self._clock_s, self._departed.pop(waiter.flow, 0.0))
            flow = _Flow(name=waiter.flow, virtual_s=virtual_s, order=self._arrivals)
            self._flows[waiter.flow] = flow
        flow.waiters[id(waiter)] = waiter
        flow.work_s += waiter.work_s
        self._account(1, waiter.work_s)

    def pop(self) -> Waiter[TicketT]:
        flow = min(self._flows.values(), key=lambda f: (f.virtual_s, f.order))
        waiter = next(iter(flow.waiters.values()))
        self._clock_s = max(self._clock_s + waiter.work_s / len(self._flows), flow.virtual_s)
        flow.virtual_s += waiter.work_s
        self.remove(waiter)
        return waiter

    def in_turn(self) -> Iterator[Waiter[TicketT]]:
        turns = []
        for flow in self._flows.values():
            virtual_s = flow.virtual_s
            for place, waiter in enumerate(flow.waiters.values()):
                turns.append((virtual_s, flow.order, place, waiter))
                virtual_s += waiter.work_s
        turns.sort(key=lambda turn: turn[:3])
        return (turn[3] for turn in turns)

    def remove(self, waiter: Waiter[TicketT]) -> bool:
        flow = self._flows.get(waiter.flow)
        if flow is None or flow.waiters.pop(id(waiter), None) is None:
            return False
        flow.work_s -= waiter.work_s
        self._account(-1, -waiter.work_s)
        if not flow.waiters:
            del self._flows[flow.name]
            self._remember(flow)
        return True

    def latest_of_greediest(self) -> Waiter[TicketT]:
        flow = max(self._flows.values(), key=lambda f: f.work_s)
        return next(reversed(flow.waiters.values()))

    def work_ahead_s(self, name: str) -> float:
        own = self._flows.get(name)
        if own is None:
            start_s, ahead_s = max(self._clock_s, self._departed.get(name, 0.0)), 0.0
        else:
            start_s, ahead_s = own.virtual_s + own.work_s, own.work_s
        for flow in self._flows.values():
            if flow is not own and flow.virtual_s <= start_s:
                # Whole requests are given out: on average half of one more than the difference, at least one.
                one_s = flow.work_s / len(flow.waiters)
                ahead_s += min(flow.work_s, max(one_s, start_s - flow.virtual_s + one_s / 2))
        return ahead_s

    def _account(self, waiters: int, work_s: float) -> None:
        self.count += waiters
        self.work_s = self.work_s + work_s if self.count else 0.0

    def _remember(self, flow: _Flow[TicketT]) -> None:
        if not self._flows:  # nobody is left to be unfair to
            self._departed.clear()
            return
        if flow.virtual_s > self._clock_s:
            self._departed[flow.name] = flow.virtual_s
            self._departed.move_to_end(flow.name)
        if len(self._departed) > self._most_departed:
            self._departed.popitem(last=False)
