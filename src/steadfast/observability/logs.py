"""The service's log: one JSON object per line, or columns on a terminal; everything goes through it.

Lower layers write through the standard library or state events; structlog's processors are the one way to the
output, and the redactor is the last of them before the line is made.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import Processor

from steadfast.observability.event_log import log_events
from steadfast.observability.line_writer import LineWriter
from steadfast.observability.redaction import OF_THIS_PROCESS, Redactor
from steadfast.observability.request_log import with_request_id
from steadfast.settings import LogSettings
from steadfast.settings.secret_files import secret_text

_TEMPLATES_OF = ("steadfast", "uvicorn.error")
"""Loggers whose messages are constants with arguments: the constant may be told. Of every other library only
that it spoke, and where, because its message may quote what it was given."""

_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class Logs:
    """What `configure_logs` has set up."""

    def __init__(self, writer: LineWriter, handler: logging.Handler, deafen: Callable[[], None]) -> None:
        self._writer = writer
        self._handler = handler
        self._deafen = deafen

    def close(self) -> None:
        """Writes what waits and takes everything back."""
        self._deafen()
        logging.getLogger().removeHandler(self._handler)
        structlog.reset_defaults()
        self._writer.close()


def configure_logs(settings: LogSettings, *, stream: TextIO | None = None) -> Logs:
    """Sends events, structlog and the standard library's logging to `stream` (standard output)."""
    stream = stream if stream is not None else sys.stdout
    level: int = getattr(logging, settings.level.upper())
    line_of = _renderer(settings, stream)
    processors = [*_stamps(), *_redaction(settings)]

    def told_of_loss(lost: int) -> str:
        return _line(processors, line_of, "warning", {"event": "log_lines_lost", "lines": lost})

    writer = LineWriter(stream, told_of_loss=told_of_loss)
    structlog.configure(
        processors=[structlog.processors.add_log_level, *processors, line_of],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _WriterLogger(writer),
        cache_logger_on_first_use=False,
    )
    handler = _RecordHandler(lambda level, event: writer.write(_line(processors, line_of, level, event)))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return Logs(writer, handler, log_events(structlog.get_logger("steadfast.events")))


def _stamps() -> list[Processor]:
    return [with_request_id, _Stamp(), _with_exception]


class _Stamp:
    """The time in UTC to the microsecond; what stays the same for a second is made once."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        second, left_ns = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        event["timestamp"] = f"{self._text}.{left_ns // 1000:06d}Z"
        return event


def _redaction(settings: LogSettings) -> list[Processor]:
    if not settings.redact:
        return [_with_traceback]
    return [redactor_for(settings)]


def redactor_for(settings: LogSettings) -> Redactor:
    """One that makes the same hashes wherever it is used in this process."""
    return Redactor(
        secret_text("logs.hash_key", settings.hash_key, settings.hash_key_file) or OF_THIS_PROCESS
    )


def _renderer(settings: LogSettings, stream: TextIO) -> Processor:
    if settings.format == "json" or (settings.format == "auto" and not stream.isatty()):
        return _json_line
    columns = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    return lambda logger, method, event: columns(logger, method, _with_readable_exception(event))


_FIRST = ("timestamp", "level", "event", "request_id")


def _json_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    ordered = {name: event.pop(name) for name in _FIRST if name in event}
    ordered.update(event)
    try:
        return msgspec.json.encode(ordered, enc_hook=str).decode()
    except (
        msgspec.MsgspecError,
        TypeError,
        ValueError,
        OverflowError,
    ):  # a lone surrogate, an int of 80 bits
        return json.dumps(ordered, default=str, skipkeys=True)


def _line(processors: list[Processor], line_of: Processor, level: str, event: dict[str, Any]) -> str:
    shaped: Any = event | {"level": level}
    for processor in (*processors, line_of):
        shaped = processor(None, level, shaped)
    return str(shaped)


def _with_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """`exc_info`, whatever its form, as the error itself under `exception`."""
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    elif given is True:
        given = sys.exc_info()[1]
    if isinstance(given, BaseException):
        event["exception"] = given
    return event


def _with_traceback(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Errors with their messages and whole tracebacks, where nothing is kept back."""
    if isinstance(error := event.get("exception"), BaseException):
        event["exception"] = structlog.processors.ExceptionRenderer().format_exception(
            (type(error), error, error.__traceback__)
        )
    return event


def _with_readable_exception(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    outline = event.get("exception")
    if isinstance(outline, dict):
        head = " ".join(str(outline[name]) for name in ("type", "code", "errno") if name in outline)
        event["exception"] = "\n".join([head, *(f"  {frame}" for frame in outline["frames"])])
    return event


class _WriterLogger:
    """What structlog calls with the finished line."""

    def __init__(self, writer: LineWriter) -> None:
        self._write = writer.write

    def msg(self, line: str) -> None:
        self._write(line)

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


class _RecordHandler(logging.Handler):
    """Turns the standard library's records into events."""

    def __init__(self, write: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__()
        self._write_event = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write_event(record.levelname.lower(), _event_of(record))
        except Exception:  # noqa: BLE001 — logging must never harm what is logged
            self.handleError(record)


def _event_of(record: logging.LogRecord) -> dict[str, Any]:
    is_constant = record.name.startswith(_TEMPLATES_OF) and isinstance(record.msg, str)
    event = {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
    event |= {
        "event": record.msg if is_constant else "library_message",
        "logger": record.name,
        "where": f"{record.module}:{record.lineno}",
        # `text` is no field that may be told: without redaction it is there, with it it is withheld.
        "text": record.getMessage(),
    }
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event
