"""Whether the bytes on disk are those the catalogue names; a file that did not change is read only once."""

import hashlib
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

from steadfast.models.catalogue import ModelFile

Vouched: TypeAlias = dict[str, list[Any]]
"""Path → stamp and sum of files that were found good, as plain data, to be told to another process."""


class Verdict(Enum):
    """What stands under a model file's name."""

    GOOD = "good"  # size and sum are right
    ABSENT = "absent"  # nothing
    WRONG = "wrong"  # something else


class _Stamp(NamedTuple):
    """Changes whenever a file may have changed: the change time is the kernel's and cannot be set back."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


class Verifier:
    """Compares files with the catalogue; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._good: dict[Path, tuple[_Stamp, str]] = {}

    def check(self, path: Path, file: ModelFile) -> Verdict:
        """What stands at `path`; reads it only if it is not the same file that was found good before."""
        try:
            stamp = _stamp(path)
        except OSError:
            return Verdict.ABSENT
        with self._lock:
            if self._good.get(path) == (stamp, file.sha256):
                return Verdict.GOOD
        # The stamp is older than the bytes that are read: a change in between is seen next time.
        if not matches(path, file):
            return Verdict.WRONG
        with self._lock:
            self._good[path] = (stamp, file.sha256)
        return Verdict.GOOD

    def trust(self, path: Path, file: ModelFile) -> None:
        """Takes the file for good: its bytes were just checked elsewhere and moved here."""
        with self._lock:
            self._good[path] = (_stamp(path), file.sha256)

    def vouched(self) -> Vouched:
        """All that were found good here."""
        with self._lock:
            return {str(path): [*stamp, sha256] for path, (stamp, sha256) in self._good.items()}

    def believe(self, vouched: Vouched) -> None:
        """Takes the word of another process: these need not be read again unless they change.

        The kernel's change time is part of each stamp, so a file that was overwritten since is read.
        """
        with self._lock:
            for path, (*stamp, sha256) in vouched.items():
                self._good[Path(path)] = (_Stamp(*stamp), sha256)

    def forget(self, path: Path) -> None:
        """Makes the next check read the file again."""
        with self._lock:
            self._good.pop(path, None)


def matches(path: Path, file: ModelFile) -> bool:
    """Whether the file has the right size and sum; reads it."""
    try:
        return path.stat().st_size == file.size_bytes and digest(path) == file.sha256
    except OSError:
        return False


def digest(path: Path) -> str:
    """The sha256 of the file, in lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stamp(path: Path) -> _Stamp:
    s = path.stat()
    return _Stamp(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
