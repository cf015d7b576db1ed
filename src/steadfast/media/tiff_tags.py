"""Tags put into a finished TIFF. Source: TIFF revision 6.0, section 2."""

import struct
from collections.abc import Mapping

XMP_TAG = 700
ICC_TAG = 34675
EXTRA_SAMPLES_TAG = 338
UNASSOCIATED_ALPHA = 2

_SHORT = 3
_UNDEFINED = 7  # the type of uninterpreted bytes
_ENTRY_BYTES = 12
_MAX_FILE_BYTES = (1 << 32) - (1 << 20)


def tiff_with_tags(tiff: bytes, tags: Mapping[int, bytes | int | None]) -> bytes:
    """The TIFF with these tags added to its first directory, bytes or small numbers; None is left out.

    The directory is written anew at the end and the header points to it, so nothing else moves. Raises
    `ValueError` for a file that is no classic TIFF or would become too large to be one.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        raise ValueError("not a classic TIFF")
    body = bytearray(tiff)
    entries = _entries(tiff, order)
    for tag, value in tags.items():
        if isinstance(value, int):
            entries[tag] = struct.pack(f"{order}HHIHH", tag, _SHORT, 1, value, 0)
        elif value:
            _pad(body)
            entries[tag] = struct.pack(f"{order}HHII", tag, _UNDEFINED, len(value), len(body))
            body += value
    _pad(body)
    if len(body) > _MAX_FILE_BYTES:
        raise ValueError("a classic TIFF holds at most 4 GiB")
    struct.pack_into(f"{order}I", body, 4, len(body))
    directory = b"".join(entries[tag] for tag in sorted(entries))
    return bytes(body) + struct.pack(f"{order}H", len(entries)) + directory + bytes(4)


def _entries(tiff: bytes, order: str) -> dict[int, bytes]:
    """The raw entries of the first directory by tag."""
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    starts = range(at + 2, at + 2 + _ENTRY_BYTES * count, _ENTRY_BYTES)
    raw = [tiff[start : start + _ENTRY_BYTES] for start in starts]
    return {struct.unpack_from(f"{order}H", entry)[0]: entry for entry in raw}


def _pad(body: bytearray) -> None:
    body += bytes(len(body) % 2)  # directories and values begin on even offsets
