"""Where the bodies of kept answers lie: a folder of this server, or the store that servers share."""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from steadfast.blobs.library import ANSWERS
from steadfast.blobs.staging import staged, sweep, translating
from steadfast.blobs.store import BlobStore
from steadfast.errors import BlobMissing


class AnswerBodies(Protocol):
    """Bytes by name; every method blocks."""

    def keep(self, content: bytes) -> str:
        """Keeps it and answers its name; whole or not at all."""

    def read(self, name: str) -> bytes:
        """Raises `BlobMissing`."""

    def drop(self, names: Iterable[str]) -> None:
        """Removes them; one that is not there is no fault."""


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
        name = f"answer-{secrets.token_hex(12)}"
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


class StoreBodies:
    """Files in the store, so that a repetition may come to any server."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def keep(self, content: bytes) -> str:
        """Sent whole."""
        name = f"{ANSWERS}kept/{secrets.token_hex(12)}"
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
