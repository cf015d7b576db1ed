"""The right to be inside: waited for, used, and given back whatever happens."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from steadfast.admission.arrival import Arrival
from steadfast.admission.prediction import Forecast

if TYPE_CHECKING:
    from steadfast.admission.lane import Lane


class Permit:
    """One request's way through the gate: `async with gate.admit(arrival) as permit`.

    Entering raises `Overloaded`; a cancelled wait frees its place at once.
    """

    __slots__ = (
        "_forecast",
        "_lane",
        "arrival",
        "arrived_at_s",
        "cost",
        "deadline_at_s",
        "entered_at_s",
        "future",
        "predicted_wait_s",
        "raw_wait_s",
        "succeeded",
        "worked_s",
    )

    def __init__(self, lane: "Lane", arrival: Arrival, *, now_s: float) -> None:
        self._lane = lane
        self.arrival = arrival
        self.arrived_at_s = now_s
        self.deadline_at_s = now_s + arrival.deadline_s
        self.entered_at_s: float | None = None
        """None: still outside."""
        self.future: asyncio.Future[None] | None = None
        """Done when it is let in or sent away; None: it never had to wait."""
        self.predicted_wait_s = 0.0
        """As it was told on arrival."""
        self.raw_wait_s = 0.0
        """The same before what was learned from others."""
        self._forecast: Forecast | None = None
        self.cost: Mapping[str, float] = {}
        self.worked_s: float | None = None
        self.succeeded = False

    @property
    def forecast(self) -> Forecast:
        """What it will probably take of a worker; asked for only where somebody has to wait."""
        if self._forecast is None:
            self._forecast = self._lane.forecast(self.arrival)
        return self._forecast

    @property
    def predicted_s(self) -> float | None:
        """Time in a worker as it was foretold; None: it never had to wait, so nobody asked."""
        return None if self._forecast is None else self._forecast.mean_s

    @property
    def waited_s(self) -> float:
        """From arrival to being let in."""
        return 0.0 if self.entered_at_s is None else self.entered_at_s - self.arrived_at_s

    @property
    def left_s(self) -> float:
        """What is left of the time it was given."""
        return self.deadline_at_s - self._lane.clock()

    def finished(self, cost: Mapping[str, float] | None = None, *, worked_s: float | None = None) -> None:
        """Says that the request was answered well, what drove its time, and how long a worker had it
        (default: all the time it was inside)."""
        self.succeeded = True
        self.cost = cost or {}
        self.worked_s = worked_s

    async def __aenter__(self) -> Self:
        waiting = self._lane.enter(self)
        if waiting is not None:
            try:
                await waiting
            except asyncio.CancelledError:
                self._lane.give_up(self)
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lane.leave(self)
