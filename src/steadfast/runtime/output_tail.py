"""What a worker writes to a pipe, read as it comes and kept in bounds."""

import asyncio
import os
from collections.abc import Callable
from typing import Literal

_MOST_BYTES = 64 * 1024


class OutputPipe:
    """Reads a pipe on the event loop; keeps the first or the last 64 KiB.

    Of a native traceback the first bytes tell the thread that fell; of what a process prints, the last.
    """

    def __init__(
        self,
        fd: int,
        loop: asyncio.AbstractEventLoop,
        *,
        keep: Literal["first", "last"],
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        """`heard` is given every piece as it comes."""
        self._fd = fd
        self._loop = loop
        self._keep_first = keep == "first"
        self._heard = heard
        self._kept = bytearray()
        loop.add_reader(fd, self._read)

    def _read(self) -> bool:
        """Reads once; whether there may be more."""
        try:
            data = os.read(self._fd, _MOST_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._fd)
            return False
        if self._heard is not None:
            self._heard(data)
        self._kept += data
        if len(self._kept) > _MOST_BYTES:
            del self._kept[
                _MOST_BYTES if self._keep_first else 0 : None if self._keep_first else -_MOST_BYTES
            ]
        return True

    def close(self) -> str:
        """Reads what is left, closes, and answers what was kept as text."""
        while self._read():
            pass
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        return self._kept.decode("utf-8", "replace").strip()
