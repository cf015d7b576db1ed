"""What a worker tells of the stages of its work, as plain data: the server makes spans of a trace from it.

Nothing is kept, and a stage costs one look at a variable, unless the request that is worked on is traced. A
worker does one dispatch at a time, so there is one recorder, which threads of a video share.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

_MOST: Final = 64
"""Of one dispatch; what comes after is dropped."""


class SpanRecord(msgspec.Struct, frozen=True, array_like=True):
    """One stage of a piece of work; times on CLOCK_MONOTONIC, which all processes of a machine share."""

    name: str
    began_at_s: float
    ended_at_s: float
    cpu_s: float = 0.0
    """Processor time of the thread that did it; 0: not measured."""


class Recorder:
    """The stages of the dispatch that is worked on."""

    def __init__(self) -> None:
        self._records: list[SpanRecord] | None = None
        self.trace_id = ""
        """Of its trace; empty: it is not traced."""

    @contextmanager
    def recording(self, traceparent: str) -> Iterator[list[SpanRecord]]:
        """Keeps what is noted inside; nothing, where `traceparent` is empty."""
        records: list[SpanRecord] = []
        self._records, self.trace_id = (records, traceparent[3:35]) if traceparent else (None, "")
        try:
            yield records
        finally:
            self._records, self.trace_id = None, ""

    def note(self, name: str, began_at_s: float, ended_at_s: float, cpu_s: float = 0.0) -> None:
        """A stage that is over."""
        records = self._records
        if records is not None and len(records) < _MOST:
            records.append(SpanRecord(name, began_at_s, ended_at_s, cpu_s))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Notes the block as a stage, with the processor time of this thread."""
        if self._records is None:
            yield
            return
        began_at_s, cpu_s = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            self.note(name, began_at_s, time.monotonic(), time.thread_time() - cpu_s)


RECORDER: Final = Recorder()
"""The one of this process."""
