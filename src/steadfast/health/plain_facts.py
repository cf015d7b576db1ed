"""Events as plain fields, with those of nested records beside them."""

import dataclasses
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

from steadfast.events import Event

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def plain_fact(event: Event) -> dict[str, Any]:
    """`event` is the class's name as one word; the rest are its fields."""
    return {"event": _HUMPS.sub("_", type(event).__name__).lower()} | dict(_fields(event))


def _fields(record: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value):
            yield from _fields(value)
        else:
            yield field.name, value.value if isinstance(value, Enum) else value
