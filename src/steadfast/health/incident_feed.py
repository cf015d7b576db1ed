"""Incidents as they change, to everyone who listens; who is too slow loses its place, and nobody else."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from steadfast.health.incidents import IncidentChange

_MOST_WAITING = 100
_MOST_LISTENERS = 50


class IncidentFeed:
    """One bounded queue per listener."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[IncidentChange | None]] = set()

    def add(self, change: IncidentChange) -> None:
        """Tells everyone; who does not keep up is sent away."""
        for queue in tuple(self._queues):
            try:
                queue.put_nowait(change)
            except asyncio.QueueFull:
                self._dismiss(queue)

    def close(self) -> None:
        """Sends everyone away."""
        for queue in tuple(self._queues):
            self._dismiss(queue)

    @property
    def is_full(self) -> bool:
        """Whether nobody more may listen."""
        return len(self._queues) >= _MOST_LISTENERS

    @contextmanager
    def listening(self) -> "Iterator[asyncio.Queue[IncidentChange | None]]":
        """A queue of changes; None in it means: it is over."""
        queue: asyncio.Queue[IncidentChange | None] = asyncio.Queue(_MOST_WAITING)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def _dismiss(self, queue: "asyncio.Queue[IncidentChange | None]") -> None:
        self._queues.discard(queue)
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)
