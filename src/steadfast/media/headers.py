"""The few facts that must be read from a header before any decoder sees the file.

Most decoders report a picture's size before they allocate anything; those of WebP and of the HEIF family do
not, and no decoder says cheaply whether a GIF moves.
"""

import struct
from collections.abc import Iterator

Size = tuple[int, int]
"""Width and height in pixels."""

_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B


def webp_size(data: bytes) -> Size | None:
    """The size of the canvas of a WebP file; None where the header is broken.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def heif_size(data: bytes) -> Size | None:
    """The largest picture that a HEIC or AVIF file declares; None where it declares none.

    Looks at every `ispe` property: which one belongs to the primary item does not matter to a limit, for the
    tiles and the whole of a grid are all allocated. Source: ISO/IEC 23008-12, 6.5.3.
    """
    view = memoryview(data)
    metas = (meta[4:] for meta in _boxes_of(b"meta", view))  # a full box: four bytes of version and flags
    stores = (
        ipco for meta in metas for iprp in _boxes_of(b"iprp", meta) for ipco in _boxes_of(b"ipco", iprp)
    )
    properties = (ispe for store in stores for ispe in _boxes_of(b"ispe", store))
    sizes = [struct.unpack_from(">II", ispe, 4) for ispe in properties if len(ispe) >= 12]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def gif_is_animated(data: bytes) -> bool:
    """Whether a GIF has a second frame, without decoding the first. Source: GIF89a specification."""
    try:
        return sum(1 for _ in zip(_gif_images(data), range(2), strict=False)) == 2
    except IndexError:  # cut off before a second frame
        return False


def _boxes_of(wanted: bytes, data: memoryview) -> Iterator[memoryview]:
    """The contents of the boxes of one type at the top of `data`; stops at the first that is broken."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):
            size, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = at + size if size else len(data)
        if size and size < header:
            return
        if kind == wanted:
            yield data[at + header : end]
        at = end


def _gif_images(data: bytes) -> Iterator[int]:
    """Where the image descriptors lie."""
    at = 13 + _colour_table_bytes(data[10])
    while data[at] != _GIF_END:
        if data[at] == _GIF_IMAGE:
            yield at
            at = _after_sub_blocks(data, at + 11 + _colour_table_bytes(data[at + 9]))
        elif data[at] == _GIF_EXTENSION:
            at = _after_sub_blocks(data, at + 2)
        else:
            return


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
