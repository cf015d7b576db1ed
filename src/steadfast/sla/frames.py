"""What the journal is made of: frames of 48 bytes, each with a sum, so that a damaged one costs only itself.

One layout serves all kinds; what a kind does not use is zero. Names (of tasks, engines, codes, keys) are
written once per file and then stand as numbers.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import msgspec


class FrameKind(IntEnum):
    """What a frame says."""

    NAME = 1  # from here on a number stands for this name
    LISTENING = 2  # the server answers from now on
    BEAT = 3  # the server was alive
    STOPPED = 4  # it ended in order
    START = 5  # a request has come
    END = 6  # a request is over
    TAKEOVER = 7  # a place stood empty for a while
    READING = 8  # the quality of a result was measured


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One frame with its names."""

    kind: FrameKind
    at_us: int
    """Unix time of what it says; of a request, of its end."""
    serial: int = 0
    """Of the request, within one life of a server."""
    outcome: int = 0
    """Place in `OUTCOMES`; of a reading, in `VERDICTS`."""
    size_class: int = 0
    """Place in `SIZES`; of a reading, in `READINGS`."""
    attempts: int = 0
    took_us: int = 0
    queue_us: int = 0
    worked_us: int = 0
    status: int = 0
    task: str = ""
    engine: str = ""
    code: str = ""
    key: str = ""
    priority: str = ""
    value: float = 0.0
    """Of a reading."""


FRAME_BYTES: Final = 48
MOST_US: Final = 0xFFFF_FFFF
_BODY: Final = struct.Struct("<BBBBqQIIIHHHHHH")
_NAME: Final = struct.Struct("<BBHq32s")
_VALUE: Final = struct.Struct("<d")
_SUM: Final = struct.Struct("<I")
_NAME_BYTES: Final = 32
_MOST_NAMES: Final = 0xFFFF


def kept_name(name: str) -> str:
    """A name as the journal keeps it: cut after 32 bytes, where a letter ends: half of one is no text."""
    return name.encode()[:_NAME_BYTES].decode("utf-8", "ignore")


def _sealed(body: bytes) -> bytes:
    return body + _SUM.pack(zlib.crc32(body))


def simple_frame(kind: FrameKind, at_us: int, serial: int = 0) -> bytes:
    """A frame that says no more than that something happened."""
    return _sealed(_BODY.pack(kind, 0, 0, 0, at_us, serial, 0, 0, 0, 0, 0, 0, 0, 0, 0))


class FrameWriter:
    """Frames for one file: numbers its names."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}
        self._new: list[bytes] = []

    def frame(self, frame: Frame) -> bytes:
        """Its bytes, behind those of names that are new in this file."""
        number = self._numbers.get
        names = (frame.task, frame.engine, frame.code, frame.key, frame.priority)
        numbers = [known if (known := number(name)) is not None else self._add(name) for name in names]
        serial = frame.serial
        if frame.kind is FrameKind.READING:
            serial = int.from_bytes(_VALUE.pack(frame.value), "little")
        body = _BODY.pack(
            frame.kind,
            frame.outcome,
            frame.size_class,
            min(frame.attempts, 255),
            frame.at_us,
            serial,
            min(frame.took_us, MOST_US),
            min(frame.queue_us, MOST_US),
            min(frame.worked_us, MOST_US),
            frame.status,
            *numbers,
        )
        if not self._new:
            return _sealed(body)
        new, self._new = b"".join(self._new), []
        return new + _sealed(body)

    def _add(self, name: str) -> int:
        number = len(self._numbers)
        if number > _MOST_NAMES:
            return 0  # a file that is folded away every few seconds never comes near
        self._numbers[name] = number
        text = kept_name(name).encode()
        self._new.append(_sealed(_NAME.pack(FrameKind.NAME, len(text), number, 0, text)))
        return number


def read_frames(content: bytes) -> Iterator[Frame]:
    """Every frame that is whole, in order; damaged ones and a torn end are passed over."""
    names: dict[int, str] = {0: ""}
    for begin in range(0, len(content) - FRAME_BYTES + 1, FRAME_BYTES):
        body = content[begin : begin + FRAME_BYTES - 4]
        if _SUM.unpack_from(content, begin + FRAME_BYTES - 4)[0] != zlib.crc32(body):
            continue
        if body[0] == FrameKind.NAME:
            _, length, number, _, text = _NAME.unpack(body)
            names[number] = text[:length].decode("utf-8", "replace")
        elif body[0] <= FrameKind.READING:
            yield _frame_of(body, names)


def _frame_of(body: bytes, names: dict[int, str]) -> Frame:
    (kind, outcome, size, attempts, at_us, serial, took, queue, worked, status, *numbers) = _BODY.unpack(body)
    task, engine, code, key, priority = (names.get(number, "") for number in numbers)
    is_reading = kind == FrameKind.READING
    return Frame(
        kind=FrameKind(kind),
        at_us=at_us,
        serial=0 if is_reading else serial,
        value=_VALUE.unpack(serial.to_bytes(8, "little"))[0] if is_reading else 0.0,
        outcome=outcome,
        size_class=size,
        attempts=attempts,
        took_us=took,
        queue_us=queue,
        worked_us=worked,
        status=status,
        task=task,
        engine=engine,
        code=code,
        key=key,
        priority=priority,
    )
