"""What happens inside a worker, told to the server: one line of JSON per event and log record, on stderr.

A pipe keeps what was written even when the writer is killed a moment later, so the last lines of a worker are
there when its death is told. The server believes none of it: a line is data with a shape, or it is nothing.
"""

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import msgspec

from steadfast.events import Event, subscribe
from steadfast.spans import RECORDER

_BEGIN: Final = '{"event":"'
_LONGEST_LINE_BYTES: Final = 4096
"""As many bytes go into a pipe in one piece, so lines of two threads never mix."""
_LONGEST_TEXT: Final = 300
_MOST_ITEMS: Final = 20
_LINES_PER_S: Final = 20.0
_BURST: Final = 400
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})

Plain = str | int | float | bool | list[str]
"""What a field may be."""


# --- in the worker ---


def tell_in_lines(fd: int = 2) -> None:
    """From now on, what this process states or logs becomes a line on `fd`."""
    subscribe(lambda event: _write(fd, _of_event(event)))
    root = logging.getLogger()
    root.addHandler(_LineHandler(fd))
    logging.getLogger("steadfast").setLevel(logging.INFO)


class _LineHandler(logging.Handler):
    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self._fd, _of_record(record))
        except Exception:  # noqa: BLE001 — logging must never harm what is logged
            self.handleError(record)


def _of_event(event: Event) -> dict[str, Any]:
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {"event": _HUMPS.sub("_", type(event).__name__).lower()} | fields | _of_trace()


def _of_trace() -> dict[str, Any]:
    """Which trace the work belongs to that is done now."""
    return {"trace_id": RECORDER.trace_id} if RECORDER.trace_id else {}


def _of_record(record: logging.LogRecord) -> dict[str, Any]:
    line = {
        "event": "worker_log",
        "level": record.levelname.lower(),
        "logger": record.name,
        "where": f"{record.module}:{record.lineno}",
        "text": record.getMessage(),
    }
    if record.exc_info and record.exc_info[0] is not None:
        line["error_type"] = record.exc_info[0].__name__
    return line | _of_trace()


def _write(fd: int, line: Mapping[str, Any]) -> None:
    data = msgspec.json.encode({name: _plain(value) for name, value in line.items()}) + b"\n"
    if len(data) > _LONGEST_LINE_BYTES:
        data = msgspec.json.encode({"event": line["event"]}) + b"\n"
    with suppress(OSError):  # nobody reads any more
        os.write(fd, data)


def _plain(value: Any) -> Plain:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple | list | frozenset | set):
        return [str(_plain(item))[:_LONGEST_TEXT] for item in list(value)[:_MOST_ITEMS]]
    return str(value)[:_LONGEST_TEXT]


# --- in the server ---


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One line of a worker, in the shape it must have; what it says may still be a lie."""

    kind: str
    """The event, as one word."""
    level: str
    """Empty: it said none."""
    fields: Mapping[str, Plain]


class WorkerLines:
    """Finds the lines in what one worker writes, piece by piece, within a budget."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = ""
        self._left = float(_BURST)
        self._filled_at_s = clock()

    def take(self, text: str) -> list[Said]:
        """The lines that end in this piece; other text, and what is too much, is passed over."""
        *lines, begun = (self._begun + text).split("\n")
        self._begun = begun[-_LONGEST_LINE_BYTES:]
        lines = [line for line in lines if line.startswith(_BEGIN)]
        if not lines:
            return []
        now_s = self._clock()
        self._left = min(_BURST, self._left + (now_s - self._filled_at_s) * _LINES_PER_S)
        self._filled_at_s = now_s
        allowed = lines[: max(0, int(self._left))]
        self._left -= len(allowed)
        return [said for line in allowed if (said := _read(line)) is not None]


def _read(line: str) -> Said | None:
    try:
        found = msgspec.json.decode(line[:_LONGEST_LINE_BYTES], type=dict[str, Plain])
    except (msgspec.MsgspecError, RecursionError):
        return None
    kind, level = found.pop("event", ""), found.pop("level", "")
    if not isinstance(kind, str) or not _NAME.fullmatch(kind):
        return None
    fields = {name: value for name, value in found.items() if _NAME.fullmatch(name)}
    return Said(kind=kind, level=level if isinstance(level, str) and level in _LEVELS else "", fields=fields)
