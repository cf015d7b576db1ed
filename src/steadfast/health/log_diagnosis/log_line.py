"""One line of a log as it was meant, without what wrapped it: Docker, Kubernetes, journald, colours."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from steadfast.health.log_diagnosis.timestamps import time_of_fields, time_of_text

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CRI = re.compile(r"^(\d{4}-\d\d-\d\dT\S+) (?:stdout|stderr) [FP] ")
_PREFIX = re.compile(r"^(?:\[pod/[^\]]{1,200}\] |[\w.-]{1,80} +\| )")
_HTTP_REQUEST = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)(?: |\\?\")[^\"\s]*")
_METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE")
_CHATTER = re.compile(r"\b(?:DEBUG|TRACE|VERBOSE)\b|\[debug\b|\[V:onnxruntime")
_LEVEL_IN_FRONT = 160  # characters in which a level is looked for; programs wrap programs
_WRAPPINGS = 3
_DEEPEST = 4

_INNER_TEXT = ("log", "MESSAGE", "line")
"""Fields whose text is a whole line of somebody else: Docker, journald, log collectors."""
_FROM_CLIENTS = frozenset(
    (
        *("path", "url", "uri", "query", "referer", "referrer", "request", "request_uri", "raw_path"),
        *("user_agent", "http_user_agent", "headers", "body", "file", "filename"),
        *("prompt", "text_input", "hypothesis"),
    )
)
"""Fields that repeat what a client sent: nothing in them is a sign."""
_LEVELS_OF_CHATTER = frozenset({"debug", "trace", "verbose"})

_decode = msgspec.json.Decoder().decode


class LogLine:
    """What a rule is tried on. What costs time is worked out when it is asked for."""

    def __init__(self, whole: str, fields: dict[str, Any], wrapped_at_s: float | None = None) -> None:
        """`whole`: the text of a line that is no JSON; `wrapped_at_s`: what its wrapping says of the time."""
        self.whole = whole
        self.fields = fields
        self._wrapped_at_s = wrapped_at_s

    @cached_property
    def text(self) -> str:
        """Everything that is said; of a JSON line its texts in a row. What clients sent is left out."""
        return _without_requests(" | ".join(_texts(self.fields)) if self.fields else self.whole)

    @cached_property
    def at_s(self) -> float | None:
        """When, in seconds since 1970, where the line or its wrapping says so."""
        own = time_of_fields(self.fields) if self.fields else time_of_text(self.whole)
        return own if own is not None else self._wrapped_at_s

    @property
    def is_chatter(self) -> bool:
        """Whether it is of a level below what an operator reads: libraries think aloud there."""
        level = self.fields.get("level") or self.fields.get("levelname") or self.fields.get("severity")
        if isinstance(level, str) and level.lower() in _LEVELS_OF_CHATTER:
            return True
        return _CHATTER.search(self.text, 0, _LEVEL_IN_FRONT) is not None


def read_line(raw: bytes | str) -> LogLine:
    """The line inside all its wrappings."""
    text = raw if isinstance(raw, str) else decoded(raw)
    at_s: float | None = None
    for _ in range(_WRAPPINGS):
        if not text.startswith("{"):
            text, at_s = _unwrapped(text, at_s)
        fields = _fields_of(text)
        if fields is None:
            break
        inner = next((fields[name] for name in _INNER_TEXT if isinstance(fields.get(name), str)), None)
        if inner is None:
            return LogLine("", fields, at_s)
        own_s = time_of_fields(fields)
        at_s = own_s if own_s is not None else at_s
        text = inner
    return LogLine(text.strip(), {}, at_s)


def decoded(raw: bytes) -> str:
    """The bytes as text: UTF-8, else Latin-1, in which every byte is some character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unwrapped(text: str, at_s: float | None) -> tuple[str, float | None]:
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if found := _CRI.match(text):
        return text[found.end() :], time_of_text(found[1])
    if found := _PREFIX.match(text):
        return text[found.end() :], at_s
    return text, at_s


def _fields_of(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        fields = _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields else None


def _texts(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    if name in _FROM_CLIENTS or depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, str(key), depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name, depth + 1)


def _without_requests(text: str) -> str:
    """What a client asked for is no sign of anything: its path becomes a dash."""
    return _HTTP_REQUEST.sub("-", text) if any(method in text for method in _METHODS) else text
