"""The coded pictures of one segment as a file: a header, then packets, each with its length; nothing else.

A container would round times, write dates and random numbers. This holds what the encoder made and no more,
so that one segment done twice is one and the same file.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from steadfast.errors import DamagedMedia
from steadfast.media.coded_packet import CodedPacket

KindT = TypeVar("KindT", bound=msgspec.Struct)

_MAGIC = b"steadfast segment 1\n"
_LENGTH_BYTES = 4
_LONGEST_BYTES = 1 << 30


class SegmentHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What all segments of a video have in common."""

    encoder: str
    """FFmpeg's name."""
    time_base: tuple[int, int]
    """Of the times of the packets."""
    extradata: bytes
    """The header of the coded pictures; equal in all segments, else they do not fit together."""

    @property
    def unit(self) -> Fraction:
        """Seconds of one unit of time."""
        return Fraction(*self.time_base)


class SegmentFile:
    """A segment that is being written; whole after `close`."""

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        self._file = path.open("wb")
        self._encode = msgspec.msgpack.Encoder().encode
        self._file.write(_MAGIC)
        self._put(self._encode(header))
        self.packets = 0

    def write(self, packet: CodedPacket) -> None:
        """Adds one packet, in coded order."""
        self._put(self._encode(packet))
        self.packets += 1

    def _put(self, record: bytes) -> None:
        self._file.write(len(record).to_bytes(_LENGTH_BYTES, "big"))
        self._file.write(record)

    def close(self) -> None:
        """Ends the file: an empty record says that nothing is missing."""
        self._file.write(bytes(_LENGTH_BYTES))
        self._file.close()

    def abort(self) -> None:
        """Lets go of it unfinished."""
        self._file.close()


class OpenSegment:
    """A segment file that is read, in one pass; close it, or use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        """Raises `DamagedMedia` for what is no segment."""
        self._name = path.name
        self._file = path.open("rb")
        try:
            if self._file.read(len(_MAGIC)) != _MAGIC:
                raise DamagedMedia(f"{self._name} is no segment.")
            record = self._record()
            if record is None:
                raise DamagedMedia(f"The segment {self._name} has no header.")
            self.header = self._decoded(record, SegmentHeader)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[CodedPacket]:
        """Packets in coded order. Raises `DamagedMedia` where the file is cut off or is no segment."""
        while (record := self._record()) is not None:
            yield self._decoded(record, CodedPacket)

    def _record(self) -> bytes | None:
        """None at the end."""
        size = int.from_bytes(self._exactly(_LENGTH_BYTES), "big")
        return None if size == 0 else self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size) if size <= _LONGEST_BYTES else b""
        if len(data) != size:
            raise DamagedMedia(f"The segment {self._name} is cut off.")
        return data

    def _decoded(self, record: bytes, kind: type[KindT]) -> KindT:
        try:
            return msgspec.msgpack.decode(record, type=kind)
        except msgspec.MsgspecError as error:
            raise DamagedMedia(f"The segment {self._name} is corrupt: {error}.") from error
