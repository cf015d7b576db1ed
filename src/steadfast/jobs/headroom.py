"""No job is taken that there may be no room to finish; those that were taken go on as long as they can."""

import shutil
from collections.abc import Callable
from pathlib import Path

from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.store import Headroom
from steadfast.errors import BlobProblem, DiskFull

_HYSTERESIS = 0.02
"""Intake begins again that much below where it stopped, so that it does not flicker."""


class IntakeGuard:
    """Whether there is room, in the store of files and on the disk of the data folder."""

    def __init__(self, rooms: Callable[[], list[Headroom]], *, full_at: float = 0.9) -> None:
        """`full_at`: share of a disk in use at which nothing new is taken."""
        self._rooms = rooms
        self._full_at = full_at
        self.why = ""
        """Why nothing new is taken; empty: it is."""

    def look(self) -> bool:
        """Asks the disks, so in a thread: one may hang. Whether the answer has changed."""
        before = self.why
        limit = self._full_at - _HYSTERESIS if before else self._full_at
        fullest = max((room.used_share for room in self._rooms()), default=0.0)
        self.why = (
            f"The disk is {fullest:.0%} full; jobs are taken below {limit:.0%}." if fullest >= limit else ""
        )
        return bool(before) != bool(self.why)

    def check_now(self) -> None:
        """Looks again, in a thread, and raises `DiskFull` while nothing new is taken."""
        self.look()
        self.check()

    def check(self) -> None:
        """Raises `DiskFull` where the last look said so."""
        if self.why:
            raise DiskFull(self.why, remedy="Wait until results are deleted, or give the service more room.")

    def is_full(self) -> bool:
        """Whether not even what runs could be stored; asks the disks."""
        return any(room.free_bytes < 1 << 20 for room in self._rooms())


def rooms_of(library: BlobLibrary, data_dir: Path) -> Callable[[], list[Headroom]]:
    """The disks that a job needs."""

    def look() -> list[Headroom]:
        disk = shutil.disk_usage(data_dir)
        usable = Headroom(free_bytes=disk.free, total_bytes=disk.used + disk.free)
        try:
            store = library.headroom()
        except BlobProblem:  # it is away: what is to be stored will say so
            store = None
        return [usable] if store is None else [usable, store]

    return look
