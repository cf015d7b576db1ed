"""How much the folder of models may hold: the file that was used longest ago goes, and none that is in use.

Whoever uses a file holds a shared lock on it as long as he lives; what can be locked alone is used by nobody.
When a file was used last says an empty file of its name in `.used`: a time of the file itself would make
everybody read it again.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import finalize

_MARKS = ".used"


class Room:
    """Of one folder; any number of processes may share that."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """`most_bytes`: of all its models; 0: no limit, and nothing is remembered or locked."""
        self._marks = folder / _MARKS
        self._most_bytes = most_bytes
        self._held: dict[Path, int] = {}
        self._end = finalize(self, _close, self._held)

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._most_bytes > 0

    def use(self, path: Path) -> None:
        """Keeps the file from being removed as long as this object lives; a file that is not there is not."""
        if not self.is_limited:
            return
        with suppress(OSError):  # who may only read keeps it by the lock alone
            self._marks.mkdir(exist_ok=True)
            (self._marks / path.name).touch()
        if path in self._held and _is_still(path, self._held[path]):
            return
        self._drop(path)
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            self._held[path] = descriptor
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits at most for somebody who is removing it

    def make(self, needed_bytes: int, kept: Iterable[Path], removable: Iterable[Path]) -> list[Path]:
        """Removes files until so much fits beside the others, or none is left that may go; which those were.

        `kept`: all of the folder; `removable`: those of them that would come back by themselves.
        """
        sizes = {path: _size_of(path) for path in kept} if self.is_limited else {}
        too_much = sum(sizes.values()) + needed_bytes - self._most_bytes
        removed: list[Path] = []
        for path in sorted((path for path in removable if sizes.get(path)), key=self._used_s):
            if too_much <= 0:
                break
            if _remove(path):
                too_much -= sizes[path]
                removed.append(path)
        return removed

    def _used_s(self, path: Path) -> float:
        for file in (self._marks / path.name, path):
            with suppress(OSError):
                return file.stat().st_mtime
        return 0.0

    def _drop(self, path: Path) -> None:
        descriptor = self._held.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)


def _remove(path: Path) -> bool:
    """Whether nobody used it, and it is gone."""
    try:
        with _alone(path) as descriptor:
            is_here = _is_still(path, descriptor)
            if is_here:
                path.unlink()
            return is_here
    except OSError:  # somebody has it, or it is not ours
        return False


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the name still means the file that was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _close(held: dict[Path, int]) -> None:
    for descriptor in held.values():
        os.close(descriptor)
    held.clear()
