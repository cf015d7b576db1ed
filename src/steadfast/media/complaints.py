"""What decoders warn of, by the thread that decodes, so that pictures are decoded at the same time.

`warnings.catch_warnings` changes the whole process: were each thread to use it, one would take away what
another set. So the first thread that comes sets it, and the last one that leaves takes it back.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class _Ear:
    """The one listener of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening = 0  # blocks that are open
        self._caught: warnings.catch_warnings[None] = warnings.catch_warnings()
        self._heard = threading.local()

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Collects what this thread is warned of inside."""
        before: list[str] | None = getattr(self._heard, "lines", None)
        lines: list[str] = []
        self._heard.lines = lines
        self._begin()
        try:
            yield lines
        finally:
            self._end()
            self._heard.lines = before

    def _begin(self) -> None:
        with self._lock:
            self._listening += 1
            if self._listening == 1:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                self._others = warnings.showwarning
                warnings.simplefilter("always")
                warnings.showwarning = self._hear

    def _end(self) -> None:
        with self._lock:
            self._listening -= 1
            if self._listening == 0:
                self._caught.__exit__(None, None, None)

    def _hear(  # noqa: PLR0917 — as `warnings` calls it
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        lines: list[str] | None = getattr(self._heard, "lines", None)
        if lines is None:  # of a thread that decodes nothing
            self._others(message, category, filename, lineno, file, line)
        else:
            lines.append(str(message))


complaints = _Ear().listening
"""A block whose warnings come into a list, whatever other threads do meanwhile."""
