"""Shared memory between the server and one worker: a memfd, present before it is needed, freed by the kernel.

The first part is written by the server (requests), the second by the worker (answers). A worker has one
dispatch at a time, so each part is filled from its start and needs no free list: nothing can leak. The file
has no name and its size is sealed, so a hostile worker can neither leave it behind nor shrink it under the
server's feet (SIGBUS).
"""

import ctypes
import fcntl
import mmap
import os
from collections.abc import Sequence

from steadfast.runtime.messages import Slice

_PAGE_BYTES = mmap.PAGESIZE
_MADV_POPULATE_WRITE = 23  # Linux 5.14
_FALLOC_PUNCH_HOLE_KEEP_SIZE = 0x03

Buffer = bytes | bytearray | memoryview


class ArenaFull(Exception):
    """It does not fit; the caller must send a file instead, or refuse."""


class Arena:
    """The mapping of one side. `create` for the server, `open` for the worker."""

    def __init__(self, fd: int, request_bytes: int, answer_bytes: int, prefault_bytes: int) -> None:
        self.fd = fd
        self.request_bytes = request_bytes
        self.answer_bytes = answer_bytes
        self._prefault_bytes = prefault_bytes
        self._map = mmap.mmap(fd, request_bytes + answer_bytes)
        self._view = memoryview(self._map)
        self._used_bytes = 0

    def make_present(self) -> None:
        """Faults the usual part in, on this side, because first touches cost more than the copy itself.

        The worker does it first, while it loads anyway: zeroing megabytes would hold up the server's loop.
        After that it costs the server some 0.1 ms.
        """
        for start, size in ((0, self.request_bytes), (self.request_bytes, self.answer_bytes)):
            _make_present(self._map, start, min(size, self._prefault_bytes))

    @classmethod
    def create(cls, *, request_bytes: int, answer_bytes: int, prefault_bytes: int) -> "Arena":
        """A new one; sizes are rounded up to whole pages. Only what is prefaulted or used takes memory."""
        request_bytes, answer_bytes = _whole_pages(request_bytes), _whole_pages(answer_bytes)
        fd = os.memfd_create("steadfast-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, request_bytes + answer_bytes)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        try:
            return cls(fd, request_bytes, answer_bytes, _whole_pages(prefault_bytes))
        except OSError:
            os.close(fd)
            raise

    def reset(self, *, answers: bool) -> None:
        """Begins a new dispatch: the part is empty again, and what it took beyond the usual is given back."""
        if self._used_bytes > self._prefault_bytes:
            start = (self.request_bytes if answers else 0) + self._prefault_bytes
            _punch_hole(self.fd, start, _whole_pages(self._used_bytes - self._prefault_bytes))
        self._used_bytes = 0

    def write_request(self, parts: Sequence[Buffer]) -> Slice:
        """Copies `parts`, one after the other, into the server's part. Raises `ArenaFull`."""
        return self._write(parts, 0, self.request_bytes)

    def write_answer(self, part: Buffer) -> Slice:
        """Copies `part` into the worker's part. Raises `ArenaFull`."""
        return self._write((part,), self.request_bytes, self.answer_bytes)

    def _write(self, parts: Sequence[Buffer], start: int, room: int) -> Slice:
        length = sum(map(_size_of, parts))
        if self._used_bytes + length > room:
            raise ArenaFull(f"{length} bytes do not fit beside {self._used_bytes} of {room}")
        begin = at = start + self._used_bytes
        for part in parts:
            size = _size_of(part)
            self._view[at : at + size] = part if isinstance(part, bytes) else memoryview(part).cast("B")
            at += size
        # Slices start on whole cache lines: decoders read them with wide loads.
        self._used_bytes = min(room, _rounded_up(at - start, 64))
        return Slice(begin, length)

    def view_request(self, place: Slice) -> memoryview:
        """The worker's view of what the server wrote; valid until the next dispatch."""
        return self._view[place.offset : place.offset + place.length].toreadonly()

    def read_answer(self, place: Slice) -> bytes:
        """A copy of what the worker wrote, which may write on. Raises `ValueError` outside the part."""
        end = place.offset + place.length
        if place.length < 0 or place.offset < self.request_bytes or end > len(self._view):
            raise ValueError(f"{place} lies outside the answers")
        return self._map[place.offset : end]

    def close(self) -> None:
        """Gives back this side's mapping; the memory goes when the other side's process has ended too."""
        self._view.release()
        self._map.close()
        os.close(self.fd)


def _size_of(part: Buffer) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)


def _rounded_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _whole_pages(size: int) -> int:
    return max(_PAGE_BYTES, _rounded_up(size, _PAGE_BYTES))


def _make_present(mapping: mmap.mmap, start: int, length: int) -> None:
    try:
        mapping.madvise(_MADV_POPULATE_WRITE, start, length)
    except OSError:  # a kernel before 5.14: touch each page
        for at in range(start, start + length, _PAGE_BYTES):
            mapping[at] = mapping[at]


def _punch_hole(fd: int, start: int, length: int) -> None:
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if fallocate(fd, _FALLOC_PUNCH_HOLE_KEEP_SIZE, start, length) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
