"""All results of a batch in one ZIP, made as it is sent: nothing is put together on disk or in memory."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from steadfast.jobs.job import Item

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PIECE_BYTES = 1 << 20
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""That a ZIP can say."""

ReadResult = Callable[[str], Iterator[bytes]]
"""The bytes at an address."""


class _Outlet(io.RawIOBase):
    """Where the archive is written to; it is taken out in pieces."""

    def __init__(self) -> None:
        self.pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int:
        view = memoryview(data)
        self.pieces += view
        return view.nbytes

    def take(self) -> bytes:
        taken, self.pieces = bytes(self.pieces), bytearray()
        return taken


def archive_of(items: Sequence[Item], at: datetime, read: ReadResult) -> Iterator[bytes]:
    """The results that there are, in order, as pieces of a ZIP that compresses nothing (media are small).

    Files are called by the number of their item and their name; their date is `at`.
    """
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for item in items:
            if item.result is None:
                continue
            info = zipfile.ZipInfo(name_in_archive(item), max(_EARLIEST, at.timetuple()[:6]))
            info.file_size = item.result.size_bytes
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=item.result.size_bytes >= 1 << 31) as entry:
                for piece in read(item.result.address):
                    entry.write(piece)
                    if len(outlet.pieces) >= _PIECE_BYTES:
                        yield outlet.take()
    yield outlet.take()


def name_in_archive(item: Item) -> str:
    """As the command line calls it in a folder; never a path."""
    assert item.result is not None
    plain = item.result.name.replace("\\", "/").rpartition("/")[2]
    return f"{item.number}-{plain or 'result'}"
