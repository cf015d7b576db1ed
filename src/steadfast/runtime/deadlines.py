"""The deadlines of many requests, of which hardly any is ever reached.

A timer of the event loop per request would cost more than a message to a worker does. Requests lie in buckets
of a quarter of a second instead; only those still there when their bucket begins get a timer of their own.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from steadfast.runtime.ticket import Ticket

_BUCKETS_PER_S: Final = 4


class Deadlines:
    """Rings for every request that is still here at its deadline, then and not earlier."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        ring: Callable[[Ticket], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._ring = ring
        self._buckets: dict[int, dict[int, Ticket]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def add(self, ticket: Ticket) -> None:
        """Will ring for it, unless it is taken out before."""
        ticket.deadlines = self
        number = int(ticket.deadline_at_s * _BUCKETS_PER_S)
        bucket = self._buckets.get(number)
        if bucket is None:
            begins_in_s = number / _BUCKETS_PER_S - self._clock()
            if begins_in_s <= 0.0:
                self._set_timer(ticket)
                return
            bucket = self._buckets[number] = {}
            self._loop.call_later(begins_in_s, self._begin, number)
        bucket[ticket.id] = ticket

    def remove(self, ticket: Ticket) -> None:
        """It is over."""
        bucket = self._buckets.get(int(ticket.deadline_at_s * _BUCKETS_PER_S))
        if bucket is not None and bucket.pop(ticket.id, None) is not None:
            return
        if timer := self._timers.pop(ticket.id, None):
            timer.cancel()

    def _begin(self, number: int) -> None:
        for ticket in self._buckets.pop(number).values():
            self._set_timer(ticket)

    def _set_timer(self, ticket: Ticket) -> None:
        left_s = max(0.0, ticket.deadline_at_s - self._clock())
        self._timers[ticket.id] = self._loop.call_later(left_s, self._is_over, ticket)

    def _is_over(self, ticket: Ticket) -> None:
        del self._timers[ticket.id]
        self._ring(ticket)
