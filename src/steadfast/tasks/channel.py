"""A bounded queue between two threads that can be broken off from either side.

`queue.Queue` cannot wake a thread that waits to put when its consumer has died; this one can, so that a
pipeline stops at once wherever it fails.
"""

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BrokenOff(Exception):
    """The other side has gone; there is nothing left to do."""


class Channel(Generic[Item]):
    """Items in order from one thread to another, at most `capacity` waiting."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._changed = Condition()
        self._is_closed = False
        self._is_broken = False

    def put(self, item: Item) -> None:
        """Waits for room, then hands over; raises `BrokenOff` once `break_off` was called."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_broken or len(self._items) < self._capacity)
            if self._is_broken:
                raise BrokenOff
            self._items.append(item)
            self._changed.notify_all()

    def close(self) -> None:
        """Says that nothing follows; what waits is still handed over."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """Drops what waits and frees both sides at once."""
        with self._changed:
            self._is_broken = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        """Items until the channel is closed and empty; raises `BrokenOff` once `break_off` was called."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_broken or self._is_closed or bool(self._items))
                if self._is_broken:
                    raise BrokenOff
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
