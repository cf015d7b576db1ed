"""Metadata put into a finished PNG. Source: PNG specification, third edition, sections 5 and 11."""

import struct
import zlib
from collections.abc import Iterator

from steadfast.media.picture_metadata import Metadata

_AFTER_IHDR = 8 + 25  # the signature and the first chunk, whose size is fixed
_INCHES_PER_METRE = 39.3701


def png_with_metadata(png: bytes, metadata: Metadata) -> bytes:
    """The PNG with profile, resolution, EXIF and XMP in their chunks, before the pixels."""
    chunks = b"".join(_chunk(kind, body) for kind, body in _bodies(metadata))
    return png[:_AFTER_IHDR] + chunks + png[_AFTER_IHDR:]


def _bodies(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.icc_profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc_profile)
    if metadata.dpi:
        across, down = (round(value * _INCHES_PER_METRE) for value in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", across, down, 1)
    if metadata.exif:
        yield b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")
    if metadata.xmp:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
