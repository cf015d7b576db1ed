"""A store far away with a cache before it on this machine's disk: what is needed again is fetched once.

A stored name is never used twice, so a cached file is never out of date. It is let in only if its bytes are
what its name says, by sum; a transfer that was cut, or a truncated object, is fetched again, then told.
"""

import hashlib
import logging
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from steadfast.blobs.staging import lend, open_to_group, translating
from steadfast.blobs.store import PIECE_BYTES, BlobStore, Headroom, StoredFile
from steadfast.errors import BlobDamaged, BlobStoreUnreachable

_log = logging.getLogger(__name__)

_SUM_IN_NAME = re.compile(r"/([0-9a-f]{64})-[^/]*$")
_TRIES = 3
_FIRST_PAUSE_S = 0.2


@dataclass(kw_only=True, slots=True)
class _Shelf:
    """Names of cached files and their sizes, the one that was used longest ago first."""

    sizes: OrderedDict[str, int] = field(default_factory=OrderedDict)
    bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class CachedStore:
    """Promises what the store behind it does."""

    def __init__(
        self,
        behind: BlobStore,
        folder: Path,
        *,
        most_bytes: int,
        file_group: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`folder`: on the disk of the folders that files are fetched into; what lies there is kept.

        `file_group`: of workers of another user, who must read what is fetched.
        """
        self._file_group = file_group
        self.behind = behind
        self.staging = behind.staging
        self._folder = folder
        self._most_bytes = most_bytes
        self._sleep = sleep
        self._shelf = _Shelf()
        self._fetching: dict[str, threading.Lock] = {}
        with translating(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._take_stock()

    # --- out ------------------------------------------------------------------------------------------

    def fetch(self, name: str, file: Path) -> None:
        """Makes it a local file. Raises `BlobDamaged` where its bytes are not what its name says."""
        if self._lend(name, file):
            return
        with self._turn(name):
            if not self._lend(name, file):  # else another thread has fetched it meanwhile
                self._fetch_whole(name, file)

    def read(self, name: str, *, first_byte: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Its bytes, from here where they are here."""
        try:
            stream = self._path(name).open("rb")
        except OSError:
            yield from self.behind.read(name, first_byte=first_byte, size_bytes=size_bytes)
            return
        with stream:
            stream.seek(first_byte)
            left = size_bytes if size_bytes is not None else 1 << 62
            while left > 0 and (piece := stream.read(min(PIECE_BYTES, left))):
                left -= len(piece)
                yield piece

    # --- in, and everything else ------------------------------------------------------------------------

    def put(self, name: str, file: Path, sha256: str) -> None:
        """Sends it, and keeps it here: who makes a segment often joins it."""
        kept = self._aside()
        with suppress(OSError):
            os.link(file, kept)
        try:
            self.behind.put(name, file, sha256)
            self._shelve(name, kept)
        finally:
            kept.unlink(missing_ok=True)

    def delete(self, name: str) -> bool:
        """Removes it, here too."""
        self._drop(name)
        return self.behind.delete(name)

    def listed(self, prefix: str = "") -> Iterator[StoredFile]:
        """As the store lists them."""
        return self.behind.listed(prefix)

    def size_of(self, name: str) -> int | None:
        """As the store says."""
        return self.behind.size_of(name)

    def headroom(self) -> Headroom | None:
        """Of the store."""
        return self.behind.headroom()

    def ping(self) -> None:
        """Asks the store."""
        self.behind.ping()

    @property
    def used_bytes(self) -> int:
        """What the cache takes."""
        return self._shelf.bytes

    def cached_names(self) -> list[str]:
        """Of what is here now."""
        with self._shelf.lock:
            return list(self._shelf.sizes)

    def forget(self, names: Iterable[str]) -> None:
        """Drops these here; the store behind keeps what it has."""
        with translating(self._folder):
            for name in names:
                self._drop(name)

    # --- the cache ------------------------------------------------------------------------------------

    def _lend(self, name: str, file: Path) -> bool:
        """Gives a cached file a second name; false: it is not here."""
        cached = self._path(name)
        try:
            self._give(cached, file)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise BlobStoreUnreachable(f"{file} cannot be made: {error.strerror or error}.") from error
        with self._shelf.lock:
            if name in self._shelf.sizes:
                self._shelf.sizes.move_to_end(name)
        with suppress(OSError):
            os.utime(cached)
        return True

    def _fetch_whole(self, name: str, file: Path) -> None:
        aside = self._aside()
        try:
            self._fetch_checked(name, aside)
            with translating(file.parent):
                self._give(aside, file)
            self._shelve(name, aside)
        finally:
            aside.unlink(missing_ok=True)

    def _give(self, cached: Path, file: Path) -> None:
        lend(cached, file)
        if self._file_group is not None:  # a copy is the server's alone
            open_to_group(file, self._file_group)

    def _fetch_checked(self, name: str, file: Path) -> None:
        for turn in range(_TRIES):
            self.behind.fetch(name, file)
            if _is_what_it_says(name, file):
                return
            file.unlink(missing_ok=True)
            _log.warning("file came damaged", extra={"count": turn + 1})
            if turn + 1 < _TRIES:
                self._sleep(_FIRST_PAUSE_S * 2**turn)
        raise BlobDamaged(f"The file {name} is not what was put there.")

    def _shelve(self, name: str, aside: Path) -> None:
        """Lets it in. A disk that has no room for that costs a transfer later on, and nothing else."""
        path = self._path(name)
        try:
            open_to_group(aside, self._file_group)
            size_bytes = aside.stat().st_size
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(path)
        except OSError:
            return
        with self._shelf.lock:
            self._shelf.bytes += size_bytes - self._shelf.sizes.pop(name, 0)
            self._shelf.sizes[name] = size_bytes
            while self._shelf.bytes > self._most_bytes and self._shelf.sizes:
                oldest, freed = self._shelf.sizes.popitem(last=False)
                self._shelf.bytes -= freed
                self._path(oldest).unlink(missing_ok=True)

    def _drop(self, name: str) -> None:
        with self._shelf.lock:
            self._shelf.bytes -= self._shelf.sizes.pop(name, 0)
            self._path(name).unlink(missing_ok=True)

    def _take_stock(self) -> None:
        """What an earlier life has left: by last use, without what was being fetched."""
        found = []
        for path in self._folder.rglob("*"):
            if path.name.startswith("."):
                path.unlink(missing_ok=True)
            elif path.is_file():
                seen = path.stat()
                found.append((seen.st_mtime, str(path.relative_to(self._folder)), seen.st_size))
        for _, name, size_bytes in sorted(found):
            self._shelf.sizes[name] = size_bytes
            self._shelf.bytes += size_bytes

    def _turn(self, name: str) -> threading.Lock:
        """One thread fetches a name, the others wait for it."""
        with self._shelf.lock:
            if len(self._fetching) > 1_000:
                self._fetching = {one: lock for one, lock in self._fetching.items() if lock.locked()}
            return self._fetching.setdefault(name, threading.Lock())

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _aside(self) -> Path:
        return self._folder / f".{secrets.token_hex(12)}"


def _is_what_it_says(name: str, file: Path) -> bool:
    found = _SUM_IN_NAME.search(name)
    if found is None:
        return True
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == found.group(1)
