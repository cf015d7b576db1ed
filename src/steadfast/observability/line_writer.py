"""Writes lines from a thread, so that a reader of the log who stalls never stalls the service.

A full pipe blocks whoever writes into it; on the event loop that would be every request. Lines wait in a
bounded queue instead. What does not fit is dropped, and the next line that gets through says how many were.
The thread is woken by the first line and then takes a breath before it looks again: woken by every line, it
would cost each of them more than making it does. What a crash of the process can lose is that breath.
"""

import atexit
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

_MOST_LINES: Final = 10_000
_BREATH_S: Final = 0.02


class LineWriter:
    """Takes lines from any thread and writes them in order."""

    def __init__(
        self, stream: TextIO, *, told_of_loss: Callable[[int], str], most_lines: int = _MOST_LINES
    ) -> None:
        """`told_of_loss` makes the line that tells of that many lost ones."""
        self._stream = stream
        self._told_of_loss = told_of_loss
        self._most_lines = most_lines
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._sleeps = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, line: str) -> None:
        """Hands over one line without its end; never waits."""
        if len(self._waiting) >= self._most_lines:
            self._lost += 1  # two threads may lose a count to each other: it is an estimate, not a ledger
            return
        self._waiting.append(line)
        if self._sleeps:
            self._wake.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what waits, as far as the reader takes it in that time."""
        atexit.unregister(self.close)
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            self._sleeps = True
            # A line that came before `_sleeps` was seen has woken nobody, so it is looked for once more.
            if not self._waiting:
                self._wake.wait()
            self._sleeps = False
            self._write_waiting()
            self._closing.wait(_BREATH_S)
        self._write_waiting()

    def _write_waiting(self) -> None:
        lines: list[str] = []
        with suppress(IndexError):
            while len(lines) < self._most_lines:
                lines.append(self._waiting.popleft())
        if self._lost:
            lost, self._lost = self._lost, 0
            lines.append(self._told_of_loss(lost))
        if not lines:
            return
        # A reader that is gone or a disk that is full costs the log, not the service.
        with suppress(OSError, ValueError):
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
