"""A file that grows by pieces and knows after any death how much of it counts: what is in it.

Pieces whose sum is still to be proven must not count before. So where they begin is noted beside the file,
and flushed, before the first of them is written; whoever finds the note cuts the file there.
"""

import fcntl
import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from steadfast.blobs.staging import Staged, pieces_of, translating
from steadfast.errors import UploadConflict

_UNPROVEN = ".unproven"
_ASIDE = "-new"


class GrowingFile:
    """One upload's bytes. Every method blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(path.name + _UNPROVEN)

    @contextmanager
    def held(self) -> Iterator[int]:
        """Nobody else, in no other process either, writes meanwhile; the answer is the descriptor.

        Raises `UploadConflict` if somebody does.
        """
        with translating(self.path.parent):
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise UploadConflict("Another process is writing to this upload.") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def offset(self) -> int:
        """How much of it counts; nothing is changed, so anybody may ask while somebody writes."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return 0
        proven = self._proven()
        return size if proven is None else min(size, proven)

    def recover(self, descriptor: int) -> int:
        """Cuts off what was never proven; the answer is where to go on."""
        offset = self.offset()
        with translating(self.path.parent):
            os.ftruncate(descriptor, offset)
            self._note.unlink(missing_ok=True)
        return offset

    def begin_unproven(self, offset: int) -> None:
        """From here on nothing counts until `prove`."""
        with translating(self.path.parent):
            aside = self._note.with_name(self._note.name + _ASIDE)
            aside.write_text(str(offset))
            _flush(aside)
            aside.replace(self._note)
            _flush(self._note.parent)

    def prove(self, descriptor: int) -> None:
        """Everything in it counts, and is flushed to the disk."""
        with translating(self.path.parent):
            os.fsync(descriptor)
            self._note.unlink(missing_ok=True)

    def append(self, descriptor: int, pieces: list[bytes]) -> None:
        """Writes at the end. Raises `DiskFull`; what was written before it counts."""
        with translating(self.path.parent):
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]

    def as_staged(self) -> Staged:
        """Its sum, for the library that takes it."""
        digest, size = hashlib.sha256(), 0
        for piece in pieces_of(self.path):
            digest.update(piece)
            size += len(piece)
        return Staged(file=self.path, sha256=digest.hexdigest(), size_bytes=size)

    def changed_s(self) -> float:
        """When it was written to, as `time.time` counts; infinity where it is gone."""
        try:
            return self.path.stat().st_mtime
        except FileNotFoundError:
            return self._note.stat().st_mtime if self._note.exists() else math.inf

    def delete(self) -> None:
        """The note last: a file without it would count as a whole."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def _proven(self) -> int | None:
        try:
            text = self._note.read_text()
        except FileNotFoundError:
            return None
        return int(text)


def upload_ids_in(folder: Path) -> list[str]:
    """Whose files lie there."""
    with translating(folder):
        return sorted({file.name.partition(".")[0] for file in folder.iterdir() if file.is_file()})


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
