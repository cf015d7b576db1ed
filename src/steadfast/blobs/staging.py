"""Files on their way in: written aside, summed up, locked as long as somebody writes to them."""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from steadfast.blobs.store import PIECE_BYTES
from steadfast.errors import BlobStoreUnreachable, DiskFull, InputMissing

PART = ".part"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_LINK_HERE = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP})


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A whole file that has no name yet."""

    file: Path
    sha256: str
    size_bytes: int


class StagedWriter:
    """A file that comes in piece by piece; nothing is made before the first one.

    It is locked until it is closed. Raises as `staged` does.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"{secrets.token_hex(12)}{PART}"
        self._descriptor = -1
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def write(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Adds to it; blocks."""
        with translating(self._folder):
            if self._descriptor < 0:
                self._descriptor = _open_locked(self._file)
            self._size_bytes += _write(self._descriptor, pieces, self._digest)

    def staged(self) -> Staged:
        """As a library takes it, once it is whole."""
        return Staged(file=self._file, sha256=self._digest.hexdigest(), size_bytes=self._size_bytes)

    def close(self) -> None:
        """Lets go of it, and removes it unless somebody has taken it; again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            with suppress(OSError):
                self._file.unlink(missing_ok=True)


@contextmanager
def staged(folder: Path, pieces: Iterable[bytes | memoryview]) -> Iterator[Staged]:
    """Writes the pieces to a new file of mode 0600 in `folder`; whatever happens, it is not left there.

    Raises `DiskFull` where there is no room, `BlobStoreUnreachable` where the folder cannot be used.
    """
    file = folder / f"{secrets.token_hex(12)}{PART}"
    with translating(folder):
        descriptor = _open_locked(file)
    try:
        digest = hashlib.sha256()
        with translating(folder):
            size_bytes = _write(descriptor, pieces, digest)
        yield Staged(file=file, sha256=digest.hexdigest(), size_bytes=size_bytes)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _open_locked(file: Path) -> int:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    # Held until the file has its name: who sweeps this folder sees that somebody is at it.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _write(descriptor: int, pieces: Iterable[bytes | memoryview], digest: "hashlib._Hash") -> int:
    size_bytes = 0
    for piece in pieces:
        digest.update(piece)
        size_bytes += len(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    return size_bytes


def pieces_of(file: Path) -> Iterator[bytes]:
    """The content of a file. Raises `InputMissing`."""
    try:
        with file.open("rb", buffering=0) as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise InputMissing(f"{file} cannot be read: {error.strerror or error}.") from error


def lend(kept: Path, file: Path) -> None:
    """Gives a file of ours a second name, or a copy where the file system allows none.

    Raises what the system says of the name, as `OSError`; of a copy as `translating` does.
    """
    try:
        os.link(kept, file)
    except OSError as error:
        if error.errno not in _NO_LINK_HERE:
            raise
        with kept.open("rb") as content, translating(file.parent), file.open("xb") as copy:
            shutil.copyfileobj(content, copy)


def open_to_group(file: Path, group: int | None) -> None:
    """Lets the group read it and nobody else; None: its owner alone."""
    if group is not None:
        os.chown(file, -1, group)
    file.chmod(0o600 if group is None else 0o640)


def sweep(folder: Path) -> int:
    """Removes what killed processes have left half-written; the answer counts it."""
    return sum(_remove_if_abandoned(part) for part in folder.glob(f"*{PART}"))


def _remove_if_abandoned(part: Path) -> bool:
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # its writer has just finished
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()
    except OSError:  # somebody is at it
        return False
    finally:
        os.close(descriptor)
    return True


@contextmanager
def translating(place: object) -> Iterator[None]:
    """Raises `DiskFull` or `BlobStoreUnreachable` for what the system says about a folder of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise DiskFull(f"No space is left in {place}.") from error
        raise BlobStoreUnreachable(f"{place} cannot be used: {error.strerror or error}.") from error
