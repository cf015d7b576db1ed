"""Keeps what belongs to users out of everything that is written down.

It works by an allowlist: numbers pass, a string passes only in a field that is known and only in the shape
that field has. So a field that somebody adds tomorrow says nothing until it stands here, and a file's name, a
text or a key that ends up in the wrong field has the wrong shape. Addresses become a keyed hash: two lines of
one client can be told to belong together, and nobody without the key can try addresses until one fits.
"""

import hashlib
import re
import secrets
import traceback
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from steadfast.errors import SteadfastError

WITHHELD = "[redacted]"
"""Stands for what may not be told."""

# One colon at most: `cuda:0` is a word, `fe80::1` is an address.
_WORD = re.compile(r"[a-z][a-z0-9_+-]{0,39}(:[a-z0-9_-]{1,20})?")
_A_WORD = r"([A-Za-z][A-Za-z0-9_%×+-]{0,23}(:[A-Za-z0-9_-]{1,20})?|\d{1,5}%?)"
_WORDS = re.compile(rf"{_A_WORD}( {_A_WORD}){{0,9}}")
_ID = re.compile(r"[0-9a-f-]{8,64}", re.IGNORECASE)
_JOB_ID = re.compile(rf"[0-9a-hjkmnp-tv-z]{{26}}|{_ID.pattern}", re.IGNORECASE)
_DOTTED = re.compile(r"[A-Za-z0-9_]{1,40}(\.[A-Za-z0-9_]{1,40}){0,8}(:\d{1,6})?")

_FATAL = re.compile(r"Fatal Python error: (?P<what>[A-Za-z ]{3,40})$", re.MULTILINE)
_NATIVE_FRAME = re.compile(
    r'^  File "([\w./+-]{1,300}\.py|<[\w. ]{1,60}>)", line (\d{1,6}) in ([\w<>.]{1,80})$',
    re.MULTILINE,
)

_FRAME = re.compile(
    r'^  File "([\w./+-]{1,300}\.py|<[\w. ]{1,60}>)", line (\d{1,6}), in ([\w<>.]{1,80})$', re.MULTILINE
)
_ERROR = re.compile(
    r"^((?:[a-z_]\w{0,40}\.){0,6}[A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt|Warning))(?::.*)?$",
    re.MULTILINE,
)

_SHAPES: Mapping[str, re.Pattern[str]] = {
    # set by the code that writes the line, never by a request
    "event": re.compile(r"[\x20-\x7e…–]{1,200}"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{5,18}(Z|[+-]\d\d:\d\d)"),
    "level": _WORD,
    "logger": _DOTTED,
    "where": _DOTTED,
    "setting": _DOTTED,
    "route": re.compile(r"/[a-z0-9_/{}-]{0,80}"),
    "method": re.compile(r"[A-Z]{3,7}"),
    # ids, as this program makes them; another shape is somebody's own and becomes a hash
    "request_id": _ID,
    "job_id": _JOB_ID,
    "trace_id": _ID,
    "incident": re.compile(r"inc_[0-9a-f]{12}"),
    **dict.fromkeys(("key", "key_id", "owner"), re.compile(r"[0-9a-f]{4,16}|anonymous")),
    # one word of a vocabulary
    **dict.fromkeys(("provider", "providers"), re.compile(r"[A-Za-z]{2,40}")),
    "error_type": re.compile(r"[A-Z][A-Za-z0-9]{2,50}"),
    "signal_name": re.compile(r"SIG[A-Z0-9+]{2,12}"),
    **dict.fromkeys(("after", "before", "capability", "cause", "change", "channel", "code"), _WORD),
    **dict.fromkeys(("engine", "fault"), _WORD),
    **dict.fromkeys(("kill_reason", "kind", "model", "outcome", "priority", "process", "reason"), _WORD),
    **dict.fromkeys(("rule", "severity", "state", "subject", "task", "unloaded", "why"), _WORD),
    # a few words of our own
    **dict.fromkeys(("degraded", "evidence", "rung", "slot", "worker"), _WORDS),
}
OF_THIS_PROCESS = secrets.token_hex(32)
"""A key for everything that one process writes, where none is set."""
_MOST_REMEMBERED = 256
_HASHED = frozenset({"address", "client", "remote", "request_id", "job_id", "trace_id", "fingerprint"})
_NUMBERS = frozenset({bool, int, float})
_INNER = frozenset(
    {"pixels", "faces", "frames", "bytes", "text_len", "count", "seconds", "threads", "load_s", "used_bytes"}
)
"""Names that numbers inside a mapping may have, beside the known fields: a mapping comes from a worker."""


class Redactor:
    """Turns the fields of an event into fields that may be written; a structlog processor."""

    def __init__(self, hash_key: str | None = None) -> None:
        """Without a key a random one is taken: hashes then agree within this process only."""
        key = hash_key.encode() if hash_key else secrets.token_bytes(32)
        self._key = hashlib.blake2b(key, digest_size=32).digest()
        self._passed: dict[str, set[str]] = {}
        """Words of each field that have the right shape: most lines say the same few."""

    def __call__(self, _logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """The event without what belongs to users."""
        return {name: self.value(name, value) for name, value in event.items()}

    def value(self, name: str, value: Any) -> Any:
        """What may be told of one field."""
        if type(value) is str:
            outline = _OUTLINES.get(name)
            return outline(value) if outline is not None else self._text(name, value)
        if value is None or type(value) in _NUMBERS:
            return value
        if isinstance(value, Enum):
            return self.value(name, value.value)
        return self._compound(name, value)

    def _compound(self, name: str, value: Any) -> Any:
        if isinstance(value, BaseException):
            return exception_outline(value)
        if isinstance(value, Mapping):
            return {_inner_name(key): self.value(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(name, item) for item in value]
        return WITHHELD

    def _remember(self, name: str, text: str) -> None:
        known = self._passed.setdefault(name, set())
        if len(known) < _MOST_REMEMBERED:
            known.add(text)

    def hashed(self, text: str) -> str:
        """What stands for an address or a foreign id: always the same for the same text."""
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=8)
        return f"h:{digest.hexdigest()}"

    def _text(self, name: str, text: str) -> str:
        known = self._passed.get(name)
        if known is not None and text in known:
            return text
        if not text:
            return text
        shape = _SHAPES.get(name)
        if shape is not None and shape.fullmatch(text):
            if name not in _HASHED:  # ids do not come again
                self._remember(name, text)
            return text
        return self.hashed(text) if name in _HASHED and text else WITHHELD


def exception_outline(error: BaseException) -> dict[str, Any]:
    """What an error is and where it was raised, without its message, which may quote a user's file."""
    outline: dict[str, Any] = {"type": type(error).__name__, "frames": list(_frames(error))}
    if isinstance(error, SteadfastError):
        outline["code"] = error.code
    if isinstance(error, OSError) and error.errno is not None:
        outline["errno"] = error.errno
    if error.__cause__ is not None and error.__cause__ is not error:
        outline["cause"] = type(error.__cause__).__name__
    return outline


def native_outline(text: str) -> list[str]:
    """What faulthandler wrote while a worker fell: the signal and the frames of the faulting thread.

    The worker may be hostile, so only lines of exactly the form that faulthandler writes are told.
    """
    current = text.split("\nThread 0x", 1)[0] if text.startswith("Fatal") else text
    kind = _FATAL.match(current)
    frames = [_place(*found.groups()) for found in _NATIVE_FRAME.finditer(current)]
    return ([kind["what"]] if kind else []) + frames[:20]


def trace_outline(text: str) -> list[str]:
    """What a worker says of an error that nobody declared: its frames and its class, without its message.

    The worker may be hostile, so only lines of exactly the forms that Python writes are told.
    """
    frames = [_place(*found.groups()) for found in _FRAME.finditer(text)]
    return frames[-20:] + _ERROR.findall(text)[-3:]


_OUTLINES = {"native_traceback": native_outline, "trace": trace_outline}


def _frames(error: BaseException, most: int = 20) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__)[-most:]:
        yield _place(frame.filename, frame.lineno, frame.name)


def _place(filename: str, line: object, function: str) -> str:
    file = PurePath(filename)
    return f"{file.parent.name}/{file.name}:{line} {function}"


def _inner_name(key: object) -> str:
    return key if isinstance(key, str) and (key in _SHAPES or key in _INNER) else WITHHELD
