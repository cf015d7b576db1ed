"""The orders that stand, as a confined worker learns of them: from a file that it may read and not write."""

import os
from pathlib import Path

import msgspec

from steadfast.drill.orders import Order


class StandingOrders:
    """Reads the file again when it has changed."""

    def __init__(self, file: Path, task: str) -> None:
        self._file = file
        self._task = task
        self._seen: tuple[int, int, int] = (0, 0, 0)
        self._orders: list[Order] = []

    def now(self, mark: str = "") -> list[Order]:
        """Those for this worker and a request with that mark."""
        self._read()
        return [order for order in self._orders if not order.is_marked or order.id == mark]

    def _read(self) -> None:
        try:
            found = self._file.stat()
        except OSError:
            self._orders = []
            return
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._seen = seen
            every = msgspec.json.decode(self._file.read_bytes(), type=list[Order])
            self._orders = [
                one for one in every if one.task in ("", self._task) and one.pid in (0, os.getpid())
            ]
