"""What comes in for an upload: written in threads as it comes, and proven by its sum where it has one."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from steadfast.errors import ChecksumMismatch, DiskFull, MalformedRequest
from steadfast.uploads.growing_file import GrowingFile

_log = logging.getLogger(__name__)

CHECKSUMS = ("sha1", "sha256")
_WRITE_BYTES = 1 << 20
"""Written to disk in one go, in a thread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checksum:
    """What a piece must come to."""

    algorithm: str
    digest: bytes


async def receive(
    file: GrowingFile,
    pieces: AsyncIterator[bytes],
    *,
    offset: int,
    most_bytes: int,
    checksum: Checksum | None = None,
) -> int:
    """Appends the pieces to a file that ends at `offset`; the answer is where it ends then.

    What has come counts even if the client then goes away, unless it has a checksum to meet. Raises
    `ChecksumMismatch`, `MalformedRequest` for more than `most_bytes`, `DiskFull`, `UploadConflict`.
    """
    with file.held() as descriptor:
        await asyncio.to_thread(file.recover, descriptor)
        if checksum is not None:
            await asyncio.to_thread(file.begin_unproven, offset)
        intake = _Piecewise(file, descriptor, most_bytes=most_bytes, checksum=checksum)
        try:
            await intake.take(pieces)
            if checksum is not None and not intake.is_proven(checksum):
                raise ChecksumMismatch(f"The piece at {offset} came with another {checksum.algorithm} sum.")
        except BaseException:
            # Also where the client went away, or another request took its place.
            await to_the_end(_close_early, intake, file, descriptor, checksum is None)
            raise
        await asyncio.to_thread(file.prove, descriptor)
    return offset + intake.taken_bytes


async def to_the_end(function: Callable[..., Any], *arguments: Any) -> Any:
    """In a thread; a cancelled caller waits until it is done, so that nobody writes behind its back."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise


class _Piecewise:
    """What comes in, gathered and written in threads."""

    def __init__(
        self, file: GrowingFile, descriptor: int, *, most_bytes: int, checksum: Checksum | None
    ) -> None:
        self._file = file
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self.taken_bytes = 0

    async def take(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            self.taken_bytes += len(piece)
            if self.taken_bytes > self._most_bytes:
                self.taken_bytes -= len(piece)
                raise MalformedRequest("The upload brings more bytes than it has announced.")
            self._pending.append(piece)
            self._pending_bytes += len(piece)
            if self._pending_bytes >= _WRITE_BYTES:
                await to_the_end(self.write)
        await to_the_end(self.write)

    def write(self) -> None:
        pieces, self._pending, self._pending_bytes = self._pending, [], 0
        if self._digest is not None:
            for piece in pieces:
                self._digest.update(piece)
        self._file.append(self._descriptor, pieces)

    def is_proven(self, checksum: Checksum) -> bool:
        return self._digest is not None and self._digest.digest() == checksum.digest


def _close_early(intake: _Piecewise, file: GrowingFile, descriptor: int, counts: bool) -> None:
    if counts:
        try:
            intake.write()
        except DiskFull:
            _log.warning("upload broke off", extra={"code": DiskFull.code})
        file.prove(descriptor)
    else:
        file.recover(descriptor)
