"""The contract of a store of files by name; it knows neither owners nor references."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

PIECE_BYTES = 1 << 20
"""Read and written in one go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """One file as a store lists it."""

    name: str
    size_bytes: int
    stored_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Headroom:
    """How much room a store has."""

    free_bytes: int
    total_bytes: int

    @property
    def used_share(self) -> float:
        """From 0 to 1."""
        return 1.0 - self.free_bytes / self.total_bytes if self.total_bytes else 1.0


class BlobStore(Protocol):
    """Files by name. Every method blocks; all are safe to call from any thread.

    Names are of the form `space/group/file`. Raises `BlobMissing` for a name that is not there,
    `BlobStoreUnreachable` where the store fails, `DiskFull` where there is no room.
    """

    staging: Path
    """Folder for files that are being written; for a folder store of the same file system."""

    def put(self, name: str, file: Path, sha256: str) -> None:
        """Takes the file; when this returns it is durable, whole, under its name, and `file` is gone.

        If it raises, nothing is under the name and `file` may be put again.
        """

    def read(self, name: str, *, first_byte: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Its bytes in pieces, from `first_byte`, all or so many."""

    def fetch(self, name: str, file: Path) -> None:
        """Makes it a local file, not to be written to: it may be the stored one under another name."""

    def delete(self, name: str) -> bool:
        """Removes it; false: it was not there."""

    def listed(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every file whose name begins so; `prefix` ends with a slash or is empty."""

    def size_of(self, name: str) -> int | None:
        """In bytes; None: it is not there."""

    def headroom(self) -> Headroom | None:
        """None: no bound is known."""

    def ping(self) -> None:
        """Whether it answers and may be written to."""
