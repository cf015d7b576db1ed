"""As much of protobuf's wire format as looking into an ONNX file takes; what is not changed is not copied."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_VARINT, _EIGHT_BYTES, _WITH_LENGTH, _FOUR_BYTES = 0, 1, 2, 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a message."""

    number: int
    value: int | memoryview  # an integer, or the bytes of whatever has a length
    raw: memoryview  # the field as it stands, key and all


def fields(message: memoryview) -> Iterator[Field]:
    """Every field in the order of the file. Raises ValueError or IndexError where it is no message."""
    at = 0
    while at < len(message):
        start = at
        key, at = read_varint(message, at)
        value: int | memoryview
        if key & 7 == _VARINT:
            value, at = read_varint(message, at)
        else:
            length, at = _length(message, at, key & 7)
            if at + length > len(message):
                raise ValueError("it is cut off")
            value, at = message[at : at + length], at + length
        yield Field(number=key >> 3, value=value, raw=message[start:at])


def integers(packed: memoryview) -> Iterator[int]:
    """The numbers of a packed repeated field."""
    at = 0
    while at < len(packed):
        value, at = read_varint(packed, at)
        yield value


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that starts there, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("it is no ONNX file")


Parts = list[memoryview | bytes]
"""A message in pieces, to be written one after the other."""


def with_length(number: int, parts: Iterable[memoryview | bytes]) -> Parts:
    """A field that holds these parts."""
    held = list(parts)
    length = sum(len(part) for part in held)
    return [_varint(number << 3 | _WITH_LENGTH) + _varint(length), *held]


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _length(message: memoryview, at: int, wire: int) -> tuple[int, int]:
    if wire == _WITH_LENGTH:
        return read_varint(message, at)
    if wire not in (_EIGHT_BYTES, _FOUR_BYTES):
        raise ValueError("it is no ONNX file")
    return (8 if wire == _EIGHT_BYTES else 4), at
