"""What a request says beside its pictures, from a form, a query or headers, as one checked value."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

import msgspec

from steadfast.admission.arrival import Priority
from steadfast.api.exchange import Exchange
from steadfast.errors import InvalidOption, MalformedRequest
from steadfast.tasks.face_messages import PictureType

LONGEST_DEADLINE_S = 3600.0
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


class SwapOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a swap."""

    faces: str = "largest"
    min_similarity: float | None = None
    enhance: bool = False
    format: PictureType | None = None
    quality: int = 95
    measure: bool = True
    answer: "AnswerKind | None" = None
    deadline_s: float | None = None
    priority: Priority | None = None


class FacesOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a listing."""

    full: bool = False
    deadline_s: float | None = None
    priority: Priority | None = None


class AnswerKind(StrEnum):
    """How a swapped picture is answered."""

    PICTURE = "picture"  # the bytes, everything else in headers
    JSON = "json"  # one document with the picture in base64


def swap_options(fields: Mapping[str, str], exchange: Exchange) -> SwapOptions:
    """The options of a swap. Raises `InvalidOption` with the field and what was expected."""
    given = dict(fields)
    if given.get("format") == "json":  # a shorter way to say it
        given |= {"answer": "json"}
        del given["format"]
    if given.get("format") == "jpg":
        given["format"] = "jpeg"
    options = _converted(given, SwapOptions)
    assert isinstance(options, SwapOptions)
    if not 1 <= options.quality <= 100:
        raise InvalidOption(
            f"The field quality is {options.quality}; it must be from 1 to 100.",
            remedy="Leave it out for 95.",
        )
    if options.answer is None and b"application/json" in exchange.headers.get(b"accept", b""):
        return msgspec.structs.replace(options, answer=AnswerKind.JSON)
    return options


def faces_options(fields: Mapping[str, str]) -> FacesOptions:
    """The options of a listing. Raises like `swap_options`."""
    options = _converted(fields, FacesOptions)
    assert isinstance(options, FacesOptions)
    return options


def deadline_of(exchange: Exchange, field_s: float | None, default_s: float) -> tuple[float, bool]:
    """Seconds allowed, and whether the client said so itself.

    Raises `InvalidOption` for a budget that is no positive number or longer than an hour.
    """
    given = exchange.headers.get(b"x-deadline-ms")
    if given is not None:
        if not given.isdigit():
            raise InvalidOption(
                "The header X-Deadline-Ms must be a whole number of milliseconds.",
                remedy="Send X-Deadline-Ms: 5000 to allow five seconds, or leave it out.",
            )
        return _checked(int(given) / 1000), True
    if field_s is not None:
        return _checked(field_s), True
    return default_s, False


def priority_of(exchange: Exchange, field: Priority | None) -> Priority:
    """From the field or `X-Priority`; interactive where nothing is said. Raises `InvalidOption`."""
    if field is not None:
        return field
    given = exchange.headers.get(b"x-priority")
    if given is None:
        return Priority.INTERACTIVE
    try:
        return Priority(given.decode("latin-1").lower())
    except ValueError:
        allowed = ", ".join(Priority)
        raise InvalidOption(
            f"The header X-Priority must be one of: {allowed}.", remedy=f"Send one of: {allowed}."
        ) from None


def _checked(deadline_s: float) -> float:
    if not 0 < deadline_s <= LONGEST_DEADLINE_S:
        raise InvalidOption(
            f"A deadline is more than 0 and at most {LONGEST_DEADLINE_S:.0f} seconds.",
            remedy="Allow less, or leave it out.",
        )
    return deadline_s


def _converted(fields: Mapping[str, str], kind: type[msgspec.Struct]) -> msgspec.Struct:
    if not fields:
        return kind()
    switches = _switches_of(kind)
    given = {name: boolean_of(name, text) if name in switches else text for name, text in fields.items()}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise InvalidOption(
            f"An option cannot be used: {error}.", remedy=f"The options are: {known}."
        ) from error


@cache
def _switches_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.type is bool)


def boolean_of(name: str, text: str) -> bool:
    """A switch of a form. Raises `MalformedRequest`."""
    lowered = text.lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    raise MalformedRequest(f"The field {name} must be true or false, not {text[:50]!r}.")
