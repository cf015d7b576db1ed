"""Where the bodies of kept answers lie: a folder of this server, or the store that servers share."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from steadfast.blobs.library import ANSWERS
from steadfast.blobs.staging import staged, sweep, translating
from steadfast.blobs.store import BlobStore
from steadfast.errors import BlobMissing

_PREFIX = "answer-"
_KEPT = f"{ANSWERS}kept/"


class AnswerBodies(Protocol):
    """Bytes by name; every method blocks."""

    def keep(self, content: bytes) -> str:
        """Keeps it and answers its name; whole or not at all."""

    def read(self, name: str) -> bytes:
        """Raises `BlobMissing`."""

    def drop(self, names: Iterable[str]) -> None:
        """Removes them; one that is not there is no fault."""

    def sweep(self, before: datetime) -> None:
        """Removes what was kept before: a death between an answer and its record has left it."""


class FolderBodies:
    """Files beside the database of a server that stands alone."""

    def __init__(self, folder: Path) -> None:
        """What a killed process left half-written goes."""
        self._folder = folder
        self._staging = folder / "staging"
        sweep(self._staging)

    def keep(self, content: bytes) -> str:
        """Written aside, then moved: a name never stands for half an answer.

        Raises `DiskFull`, `BlobStoreUnreachable`.
        """
        name = f"{_PREFIX}{secrets.token_hex(12)}"
        with staged(self._staging, [content]) as whole, translating(self._folder):
            whole.file.replace(self._folder / name)
        return name

    def read(self, name: str) -> bytes:
        """Raises `BlobMissing`."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise BlobMissing("The kept answer is not there any more.") from error

    def drop(self, names: Iterable[str]) -> None:
        """Removes them. Raises `BlobStoreUnreachable`."""
        with translating(self._folder):
            for name in names:
                (self._folder / name).unlink(missing_ok=True)

    def sweep(self, before: datetime) -> None:
        """By the time of the files. Raises `BlobStoreUnreachable`."""
        with translating(self._folder):
            for file in self._folder.glob(f"{_PREFIX}*"):
                with suppress(FileNotFoundError):  # somebody was faster
                    if file.stat().st_mtime < before.timestamp():
                        file.unlink()


class StoreBodies:
    """Files in the store, so that a repetition may come to any server."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def keep(self, content: bytes) -> str:
        """Sent whole."""
        name = f"{_KEPT}{secrets.token_hex(12)}"
        with staged(self._store.staging, [content]) as whole:
            self._store.put(name, whole.file, whole.sha256)
        return name

    def read(self, name: str) -> bytes:
        """Raises `BlobMissing`, `BlobStoreUnreachable`."""
        return b"".join(self._store.read(name))

    def drop(self, names: Iterable[str]) -> None:
        """Removes them. Raises `BlobStoreUnreachable`."""
        for name in names:
            self._store.delete(name)

    def sweep(self, before: datetime) -> None:
        """By the time that the store tells. Raises `BlobStoreUnreachable`."""
        self.drop([file.name for file in self._store.listed(_KEPT) if file.stored_at < before])
