"""How large a picture says it is: format, width and height from its first bytes, in plain Python.

For predictions only. Nothing is decoded, and a header is never believed: limits on pixels are held by
the worker that decodes. Any bytes are harmless here, and none costs more than a fraction of a millisecond.
"""

import struct

import msgspec

from steadfast.media.headers import Size, heif_size, webp_size
from steadfast.media.sniff import HEAD_BYTES, FileFormat, sniff

HEADER_BYTES = 65_536
"""How many of its first bytes are worth handing over: in a JPEG, the size stands behind colour profile and
camera data."""

_MOST_SEGMENTS = 64
_MOST_SIDE_PX = 1 << 20
_NO_SIZE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, of whatever kind


class PictureHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a file claims to be."""

    format: FileFormat
    width_px: int = 0
    """0: not found."""
    height_px: int = 0
    """0: not found."""

    @property
    def pixels(self) -> int:
        """0: not known."""
        return self.width_px * self.height_px

    def features(self) -> dict[str, float | str]:
        """As a prediction takes it; what is not known is absent."""
        known: dict[str, float | str] = {"format": self.format.value}
        if self.pixels:
            known["pixels"] = float(self.pixels)
        return known


def read_header(head: bytes | memoryview) -> PictureHeader:
    """What the file that begins with `head` claims to be. Never raises."""
    start = bytes(head[:HEAD_BYTES])
    found = sniff(start)
    try:
        size = (
            _jpeg_size(memoryview(head)[:HEADER_BYTES]) if found is FileFormat.JPEG else _size(found, start)
        )
    except (struct.error, IndexError, ValueError):
        size = None
    width_px, height_px = size or (0, 0)
    if not (0 < width_px <= _MOST_SIDE_PX and 0 < height_px <= _MOST_SIDE_PX):
        return PictureHeader(format=found)
    return PictureHeader(format=found, width_px=width_px, height_px=height_px)


def _size(found: FileFormat, start: bytes) -> Size | None:
    match found:
        case FileFormat.PNG:
            return struct.unpack_from(">II", start, 16)
        case FileFormat.GIF:
            return struct.unpack_from("<HH", start, 6)
        case FileFormat.BMP:
            return _bmp_size(start)
        case FileFormat.WEBP:
            return webp_size(start)
        case FileFormat.HEIC | FileFormat.AVIF:
            return heif_size(start)
    return None


def _bmp_size(start: bytes) -> Size:
    if int.from_bytes(start[14:18], "little") == 12:  # the header of OS/2
        return struct.unpack_from("<HH", start, 18)
    width_px, height_px = struct.unpack_from("<ii", start, 18)
    return width_px, abs(height_px)  # negative: the rows run from top to bottom


def _jpeg_size(data: memoryview) -> Size | None:
    """From the first frame header. Source: ITU-T T.81, annex B."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in _FRAMES:
            height_px, width_px = struct.unpack_from(">HH", data, at + 5)
            return width_px, height_px
        if marker == 0xFF:  # fill bytes may stand before any marker
            at += 1
        elif marker in _NO_SIZE:
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None
