"""The guardian's log: one JSON object per line on standard error, one line per event.

The guardian must never wait for whoever reads its log: a line is written as far as the reader takes it at
once, and lines that were dropped are counted in the next one that gets through.
"""

import json
import os
import select
from collections.abc import Callable
from datetime import UTC, datetime

_PIPE_BUF_BYTES = 4096  # what a pipe that polls as writable takes without blocking
_PATIENCE_MS = 20


class JsonLines:
    """Writes events to a file descriptor that may be a terminal, a file, a pipe or a socket."""

    def __init__(self, fd: int = 2, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._fd = fd
        self._now = now
        self._dropped = 0
        self._is_torn = False  # the last line lacks its end
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, event: str, fields: dict[str, object]) -> None:
        """Writes one event."""
        record: dict[str, object] = {
            "at": self._now().isoformat(timespec="milliseconds"),
            "event": event,
            "process": "guardian",
            **fields,
        }
        if self._dropped:
            record["dropped_lines"] = self._dropped
        line = json.dumps(record, default=str).encode() + b"\n"
        self._dropped = 0 if self._write_all(line) else self._dropped + 1

    def _write_all(self, line: bytes) -> bool:
        if self._is_torn:
            line = b"\n" + line
        patience_ms = 0 if self._dropped else _PATIENCE_MS
        try:
            for at in range(0, len(line), _PIPE_BUF_BYTES):
                if not self._poll.poll(patience_ms):
                    self._is_torn = self._is_torn or at > 0
                    return False
                os.write(self._fd, line[at : at + _PIPE_BUF_BYTES])
        except OSError:  # the reader is gone; the service is not
            return False
        self._is_torn = False
        return True
