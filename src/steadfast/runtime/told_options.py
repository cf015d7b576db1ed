"""Which options of a request may be told of after a death: numbers, yes and no, and words of a vocabulary.

A text that somebody wrote is never told: only what the task's own type limits to an enum, to literals or to a
pattern.
"""

import types
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

Told = bool | int | float | str


def options_told(fields: bytes, kind: type[msgspec.Struct] | None) -> dict[str, Told]:
    """The options by name; those without names (no `kind`, or none in the bytes) by their place."""
    try:
        options: Any = msgspec.msgpack.decode(fields)
    except msgspec.MsgspecError:
        return {}
    if isinstance(options, list):
        names = kind.__struct_fields__ if kind is not None else ()
        options = {names[at] if at < len(names) else str(at): value for at, value in enumerate(options)}
    if not isinstance(options, dict):
        return {}
    words = _words_of(kind) if kind is not None else frozenset()
    return {str(name): value for name, value in options.items() if _may_be_told(str(name), value, words)}


def _may_be_told(name: str, value: Any, words: frozenset[str]) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and name in words)


@lru_cache(maxsize=64)
def _words_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields whose texts come from a vocabulary."""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):  # names that only a type checker knows: then nothing is known of it
        return frozenset()
    return frozenset(name for name, hint in hints.items() if _is_vocabulary(hint))


def _is_vocabulary(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        has_pattern = any(isinstance(note, msgspec.Meta) and note.pattern is not None for note in notes)
        return has_pattern or _is_vocabulary(inner)
    if get_origin(hint) in (Union, types.UnionType):
        return all(part is type(None) or _is_vocabulary(part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return True
    return isinstance(hint, type) and issubclass(hint, Enum)
