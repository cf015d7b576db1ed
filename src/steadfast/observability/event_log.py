"""Every fact that the lower layers state becomes one line."""

import dataclasses
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

import msgspec
from structlog.typing import FilteringBoundLogger

from steadfast.events import Event, subscribe

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_LEVELS: Final[Mapping[str, str]] = {
    "worker_state_changed": "debug",
    "worker_printed": "debug",
    "canary_checked": "debug",
    "job_progressed": "debug",
    "worker_died": "error",
    "load_failed": "error",
    "job_lost": "error",
    "unexpected_error": "error",
    "input_quarantined": "error",
    "model_quarantined": "error",
    "breaker_changed": "warning",
    "request_retried": "warning",
    "request_shed": "warning",
    "spare_took_over": "warning",
    "stepped_down": "warning",
    "repair_asked": "warning",
    "mirror_failed": "warning",
    "provider_skipped": "warning",
    "device_memory_short": "warning",
    "incident_moved": "warning",
    "work_unserved": "warning",
    "alert_not_delivered": "warning",
}
"""Levels of the events that are not merely informative, by their names in the log."""


def log_events(logger: FilteringBoundLogger) -> Callable[[], None]:
    """Logs every event from now on; the answer is a function that ends it."""

    bound = logger.bind()  # once: structlog would otherwise assemble a logger for every event

    def log(event: Event) -> None:
        name = event_name(type(event))
        # A worker changes its state twice per request: what nobody will read must cost nothing.
        if _LEVELS.get(name) == "debug" and not bound.is_enabled_for(logging.DEBUG):
            return
        fields = dict(event_fields(event))
        if "level" in fields:  # of the ladder: that name means something else in a log
            fields["step"] = fields.pop("level")
        if trace_id := _trace_of(fields):
            fields["trace_id"] = trace_id
        level = _level_of(name, fields)
        if not fields.get("severity", "-"):  # a worker's own line may say none
            del fields["severity"]
        getattr(bound, level)(name, **fields)

    return subscribe(log)


def _trace_of(fields: Mapping[str, Any]) -> str:
    """That of a worker's line, which stands among what it said."""
    said = fields.get("fields")
    return str(said.get("trace_id", "")) if isinstance(said, Mapping) else ""


def event_name(kind: type) -> str:
    """The class's name as one word: `WorkerDied` is `worker_died`."""
    name = _names.get(kind)
    if name is None:
        name = _names[kind] = _HUMPS.sub("_", kind.__name__).lower()
    return name


_names: dict[type, str] = {}


def event_fields(event: Any) -> Iterator[tuple[str, Any]]:
    """Its fields, those of a nested record (why a worker died, what a step cost) beside them."""
    for name in _field_names(event):
        value = getattr(event, name)
        if dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
            yield from event_fields(value)
        elif isinstance(value, Enum):
            yield name, value.value
        else:
            yield name, value


def _field_names(record: Any) -> tuple[str, ...]:
    if isinstance(record, msgspec.Struct):
        return record.__struct_fields__
    return tuple(field.name for field in dataclasses.fields(record))


def _level_of(name: str, fields: Mapping[str, Any]) -> str:
    if name == "worker_logged":
        return str(fields["severity"] or _LEVELS.get(str(fields["kind"]), "info"))
    if fields.get("wanted") is True:  # a death that was asked for
        return "info"
    if fields.get("change") in ("acted", "ended"):  # of an incident: nothing became worse
        return "info"
    if fields.get("passed") is False:  # a canary with a wrong answer
        return "error"
    return _LEVELS.get(name, "info")
