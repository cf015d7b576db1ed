"""The in-memory twin of a store, for tests and for trying things out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from steadfast.blobs.staging import translating
from steadfast.blobs.store import PIECE_BYTES, Headroom, StoredFile
from steadfast.errors import BlobMissing, DiskFull


class MemoryStore:
    """Keeps everything in memory; `capacity_bytes` makes it as full as a disk can be."""

    def __init__(self, staging: Path, *, capacity_bytes: int | None = None) -> None:
        self.staging = staging
        self._capacity_bytes = capacity_bytes
        self._files: dict[str, tuple[bytes, datetime]] = {}
        self._lock = Lock()

    def put(self, name: str, file: Path, sha256: str) -> None:  # noqa: ARG002 — memory keeps no sums
        """Reads the file and removes it."""
        with translating(self.staging):
            content = file.read_bytes()
        with self._lock:
            if self._capacity_bytes is not None and self._used() + len(content) > self._capacity_bytes:
                raise DiskFull("No space is left in memory.")
            self._files[name] = content, datetime.now(UTC)
        file.unlink()

    def read(self, name: str, *, first_byte: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Its bytes."""
        content = self._content(name)
        end = len(content) if size_bytes is None else min(len(content), first_byte + size_bytes)
        for begin in range(first_byte, end, PIECE_BYTES):
            yield content[begin : min(end, begin + PIECE_BYTES)]

    def fetch(self, name: str, file: Path) -> None:
        """Writes it to a file."""
        content = self._content(name)
        with translating(file.parent), file.open("xb") as stream:
            stream.write(content)

    def delete(self, name: str) -> bool:
        """Forgets it."""
        with self._lock:
            return self._files.pop(name, None) is not None

    def listed(self, prefix: str = "") -> Iterator[StoredFile]:
        """In the order of names."""
        with self._lock:
            files = sorted(self._files.items())
        for name, (content, stored_at) in files:
            if name.startswith(prefix):
                yield StoredFile(name=name, size_bytes=len(content), stored_at=stored_at)

    def size_of(self, name: str) -> int | None:
        """In bytes; None: it is not there."""
        kept = self._files.get(name)
        return None if kept is None else len(kept[0])

    def headroom(self) -> Headroom | None:
        """Of the capacity that was given."""
        if self._capacity_bytes is None:
            return None
        return Headroom(free_bytes=self._capacity_bytes - self._used(), total_bytes=self._capacity_bytes)

    def ping(self) -> None:
        """Always there."""

    def corrupt(self, name: str) -> None:
        """Turns one bit over, as a failing disk does: for tests."""
        content, stored_at = self._files[name]
        self._files[name] = bytes([content[0] ^ 1]) + content[1:], stored_at

    def _content(self, name: str) -> bytes:
        try:
            return self._files[name][0]
        except KeyError:
            raise BlobMissing(f"The file {name} is not kept any more.") from None

    def _used(self) -> int:
        return sum(len(content) for content, _ in self._files.values())
