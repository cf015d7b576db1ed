"""Writes lines from a thread, so that a reader of the log who stalls never stalls the service.

A full pipe blocks whoever writes into it; on the event loop that would be every request. Lines wait in a
bounded queue instead. What does not fit is dropped, and the next line that gets through says how many were.
"""

import atexit
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

_MOST_LINES = 10_000
_BATCH_LINES = 500


class LineWriter:
    """Takes lines from any thread and writes them in order."""

    def __init__(
        self, stream: TextIO, *, told_of_loss: Callable[[int], str], most_lines: int = _MOST_LINES
    ) -> None:
        """`told_of_loss` makes the line that tells of that many lost ones."""
        self._stream = stream
        self._told_of_loss = told_of_loss
        self._waiting: queue.Queue[str | None] = queue.Queue(most_lines)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, line: str) -> None:
        """Hands over one line without its end; never waits."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lost += 1  # two threads may lose a count to each other: it is an estimate, not a ledger

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what waits, as far as the reader takes it in that time."""
        atexit.unregister(self.close)
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._waiting.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch = [self._waiting.get()]
            with suppress(queue.Empty):
                while len(batch) < _BATCH_LINES:
                    batch.append(self._waiting.get_nowait())
            is_open = None not in batch
            self._write(batch)

    def _write(self, batch: list[str | None]) -> None:
        lines = [line for line in batch if line is not None]
        if self._lost:
            lost, self._lost = self._lost, 0
            lines.append(self._told_of_loss(lost))
        if not lines:
            return
        # A reader that is gone or a disk that is full costs the log, not the service.
        with suppress(OSError, ValueError):
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
