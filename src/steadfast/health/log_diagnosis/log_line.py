"""One line of a log as it was meant, without what wrapped it: Docker, Kubernetes, journald, colours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from steadfast.health.log_diagnosis.timestamps import time_of_fields, time_of_text

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CRI = re.compile(r"^(\d{4}-\d\d-\d\dT\S+) (?:stdout|stderr) [FP] ")
_PREFIX = re.compile(r"^(?:\[pod/[^\]]{1,200}\] |[\w.-]{1,80} +\| )")
_HTTP_REQUEST = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)(?: |\\?\")[^\"\s]*")
_CHATTER = re.compile(r"\b(?:DEBUG|TRACE|VERBOSE|debug|trace)\b|\[V:onnxruntime")
_LEVEL_IN_FRONT = 60  # characters in which a level is looked for
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


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a rule is tried on."""

    text: str
    """Everything that is said; of a JSON line its texts one after the other, those of clients left out."""
    fields: dict[str, Any]
    """Of a JSON line; else empty."""
    at_s: float | None
    whole: str = ""
    """The text with what clients sent: paths tell which kind of request a line is about."""

    @property
    def is_chatter(self) -> bool:
        """Whether it is of a level below what an operator reads: libraries think aloud there."""
        level = self.fields.get("level") or self.fields.get("levelname") or self.fields.get("severity")
        if isinstance(level, str):
            return level.lower() in _LEVELS_OF_CHATTER
        return not self.fields and _CHATTER.search(self.text, 0, _LEVEL_IN_FRONT) is not None


def read_line(raw: bytes | str) -> LogLine:
    """The line inside all its wrappings."""
    text = raw if isinstance(raw, str) else decoded(raw)
    at_s: float | None = None
    for _ in range(_WRAPPINGS):
        text = _COLOUR.sub("", text) if "\x1b" in text else text
        if found := _CRI.match(text):
            at_s = time_of_text(found[1])
            text = text[found.end() :]
        elif found := _PREFIX.match(text):
            text = text[found.end() :]
        fields = _fields_of(text)
        if fields is None:
            return _plain(text, _first(time_of_text(text), at_s))
        at_s = _first(time_of_fields(fields), at_s)
        inner = next((fields[name] for name in _INNER_TEXT if isinstance(fields.get(name), str)), None)
        if inner is None:
            return LogLine(_without_requests(" | ".join(_texts(fields))), fields, at_s)
        text = inner.rstrip("\n")
    return _plain(text, at_s)


def _plain(text: str, at_s: float | None) -> LogLine:
    text = text.strip()
    return LogLine(_without_requests(text), {}, at_s, text)


def decoded(raw: bytes) -> str:
    """The bytes as text: UTF-8, else Latin-1, in which every byte is some character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _fields_of(text: str) -> dict[str, Any] | None:
    if not text.lstrip(" ").startswith("{"):
        return None
    try:
        fields = _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


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
    if "GET" in text or "POST" in text or "PUT" in text or "HEAD" in text or "DELETE" in text:
        return _HTTP_REQUEST.sub("-", text)
    return text


def _first(one: float | None, other: float | None) -> float | None:
    return one if one is not None else other
