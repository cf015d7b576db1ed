"""Disks: what the service's folders take, and what is left. Looked at in a thread, told at each scrape."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Readings, Sample

_AREA: Final = Label(
    name="area",
    meaning="`scratch`, `blobs`, `database`, `answers`, `crashes`, `models`, `uploads`.",
    most=16,
)
_DISK: Final = Label(name="disk", meaning="`data`, or `models` where those lie elsewhere.", most=8)

USED: Final = Family(
    name="steadfast_storage_used_bytes",
    kind=Kind.GAUGE,
    meaning="Bytes of the files of one area.",
    labels=(_AREA,),
)
QUOTA: Final = Family(
    name="steadfast_scratch_quota_bytes", kind=Kind.GAUGE, meaning="Bytes that all bodies may take on disk."
)
HELD: Final = Family(
    name="steadfast_scratch_used_bytes", kind=Kind.GAUGE, meaning="Bytes that bodies take on disk now."
)
FREE: Final = Family(
    name="steadfast_disk_free_bytes",
    kind=Kind.GAUGE,
    meaning="Bytes left on the disk of a folder.",
    labels=(_DISK,),
)
SIZE: Final = Family(
    name="steadfast_disk_size_bytes",
    kind=Kind.GAUGE,
    meaning="Bytes of the disk of a folder.",
    labels=(_DISK,),
)
FAMILIES: Final = (USED, QUOTA, HELD, FREE, SIZE)
_MOST_FILES = 200_000


@dataclass(frozen=True, kw_only=True)
class StoreFigures:
    """What only the database can tell."""

    jobs: Mapping[str, int]
    """That are not over, by state."""
    blob_bytes: int
    """Of all files that are kept, wherever the store lies."""
    database_bytes: int | None = None
    """Of the database itself; None: it is a file, which the survey looks at."""


class StorageSurvey:
    """What folders and disks were last seen to hold."""

    def __init__(self, areas: Mapping[str, Path], disks: Mapping[str, Path]) -> None:
        self._areas = areas
        self._disks = disks
        self.used_bytes: dict[str, int] = {}
        self.free_bytes: dict[str, int] = {}
        self.size_bytes: dict[str, int] = {}
        self.told_bytes: dict[str, int] = {}
        """Of areas that are not looked at: what the database says of them."""

    def look(self) -> None:
        """Blocks: it reads every folder. What cannot be read is left out."""
        self.used_bytes = {name: bytes_under(path) for name, path in self._areas.items()}
        for name, path in self._disks.items():
            try:
                found = os.statvfs(path)
            except OSError:
                self.free_bytes.pop(name, None)
                continue
            self.free_bytes[name] = found.f_bavail * found.f_frsize
            self.size_bytes[name] = found.f_blocks * found.f_frsize


def bytes_under(path: Path) -> int:
    """Bytes of a file and those beside it that belong to it (`-wal`, `-shm`), or of all files in a folder."""
    if not path.is_dir():
        return sum(_size_of(file) for file in path.parent.glob(path.name + "*"))
    total, seen = 0, 0
    for folder, _, names in os.walk(path):
        for name in names:
            total += _size_of(Path(folder, name))
            seen += 1
            if seen >= _MOST_FILES:  # a count that takes minutes would be worse than one that is low
                return total
    return total


def _size_of(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:  # it has just gone
        return 0


def storage_readings(survey: StorageSurvey, *, filed_bytes: Callable[[], int], quota_bytes: int) -> Readings:
    """What the last look has found, and what bodies take now."""

    def told(found: Mapping[str, int]) -> Iterable[Sample]:
        return [((name,), float(value)) for name, value in found.items()]

    return Readings(
        {
            USED: lambda: told(survey.used_bytes | survey.told_bytes),
            FREE: lambda: told(survey.free_bytes),
            SIZE: lambda: told(survey.size_bytes),
            HELD: lambda: [((), float(filed_bytes()))],
            QUOTA: lambda: [((), float(quota_bytes))],
        }
    )
