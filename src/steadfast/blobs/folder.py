"""Files in a folder: durable when `put` returns, never half there, gone when deleted."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from steadfast.blobs import staging
from steadfast.blobs.staging import translating
from steadfast.blobs.store import PIECE_BYTES, Headroom, StoredFile
from steadfast.errors import BlobMissing, BlobStoreUnreachable

_STAGING = ".staging"
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})


class FolderStore:
    """One folder on a local disk."""

    def __init__(self, root: Path, *, file_group: int | None = None) -> None:
        """`file_group`: of workers that are of another user and must read; nobody else may.

        Raises `BlobStoreUnreachable` where the folder cannot be made.
        """
        self._root = root
        self._file_group = file_group
        self.staging = root / _STAGING
        with translating(root):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.staging.mkdir(exist_ok=True, mode=0o700)
        staging.sweep(self.staging)

    def put(self, name: str, file: Path, sha256: str) -> None:  # noqa: ARG002 — the disk keeps no sums
        """Flushes the file, gives it its name, and flushes that."""
        final = self._path(name)
        with translating(self._root):
            self._open_to_workers(file)
            _flush(file)
            self._name(file, final)
            _flush(final.parent)

    def read(self, name: str, *, first_byte: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Its bytes; a file that is deleted meanwhile is read to its end."""
        try:
            stream = self._path(name).open("rb", buffering=0)
        except OSError as error:
            raise _unreadable(name, error) from error
        with stream, translating(self._root):
            stream.seek(first_byte)
            left = size_bytes
            while left is None or left > 0:
                piece = stream.read(PIECE_BYTES if left is None else min(left, PIECE_BYTES))
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece

    def fetch(self, name: str, file: Path) -> None:
        """A second name for it, or a copy where the file system allows none."""
        try:
            staging.lend(self._path(name), file)
        except OSError as error:
            raise _unreadable(name, error) from error
        if self._file_group is not None:  # it may have been stored when workers were of another user
            with translating(self._root):
                self._open_to_workers(file)

    def delete(self, name: str) -> bool:
        """Removes it, and flushes that, so that a power cut does not bring it back."""
        path = self._path(name)
        try:
            path.unlink()
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise BlobStoreUnreachable(f"{name} cannot be deleted: {error.strerror}.") from error
        with suppress(OSError):  # the next sweep removes what a power cut brings back
            _flush(path.parent)
        with suppress(OSError):  # others are in it
            path.parent.rmdir()
        return True

    def listed(self, prefix: str = "") -> Iterator[StoredFile]:
        """Without what is still being written."""
        for folder, folders, files in os.walk(self._root / prefix):
            folders[:] = [one for one in folders if not one.startswith(".")]
            for file in files:
                path = Path(folder, file)
                with suppress(FileNotFoundError):
                    status = path.stat()
                    yield StoredFile(
                        name=path.relative_to(self._root).as_posix(),
                        size_bytes=status.st_size,
                        stored_at=datetime.fromtimestamp(status.st_mtime, UTC),
                    )

    def size_of(self, name: str) -> int | None:
        """In bytes; None: it is not there."""
        try:
            return self._path(name).stat().st_size
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise _unreadable(name, error) from error

    def headroom(self) -> Headroom:
        """Of the file system, as far as this user may use it."""
        with translating(self._root):
            room = os.statvfs(self._root)
        usable = room.f_blocks - room.f_bfree + room.f_bavail
        return Headroom(free_bytes=room.f_bavail * room.f_frsize, total_bytes=usable * room.f_frsize)

    def ping(self) -> None:
        """Writes and removes a file."""
        with staging.staged(self.staging, [b"ping"]):
            pass

    def _path(self, name: str) -> Path:
        return self._root / name

    def _open_to_workers(self, file: Path) -> None:
        staging.open_to_group(file, self._file_group)

    def _name(self, file: Path, final: Path) -> None:
        """Moves it; another thread may just have removed the folder because it was empty."""
        for _ in range(100):
            self._make_folder(final.parent)
            try:
                file.rename(final)
            except FileNotFoundError:
                if not file.exists():
                    raise
                continue
            return
        raise BlobStoreUnreachable(f"{final.parent} vanishes as soon as it is made.")

    def _make_folder(self, folder: Path) -> None:
        """Makes it and flushes the names of what was made."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        _flush(folder.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(name: str, error: OSError) -> BlobMissing | BlobStoreUnreachable:
    if error.errno in _GONE:
        return BlobMissing(f"The file {name} is not kept any more.")
    return BlobStoreUnreachable(f"The file {name} cannot be read: {error.strerror}.")
