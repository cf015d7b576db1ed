"""Small file systems of a drill's own, which can be filled and made read-only without harm to anybody."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from steadfast.drill.fault import NotHere

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallDisk:
    """One tmpfs, mounted on a folder."""

    folder: Path

    @classmethod
    def mount(cls, folder: Path, size_bytes: int) -> "SmallDisk":
        """Raises `NotHere` where this user may not mount."""
        folder.mkdir(parents=True, exist_ok=True)
        if not _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=755", "tmpfs", str(folder)):
            raise NotHere("no small file system can be mounted here (that needs root)")
        return cls(folder=folder)

    def make_read_only(self, wanted: bool) -> None:
        """Raises `NotHere` where the kernel refuses: a file is open for writing."""
        if not _run("mount", "-o", f"remount,{'ro' if wanted else 'rw'}", str(self.folder)):
            raise NotHere("the file system is in use and cannot be made read-only")

    def unmount(self) -> None:
        """Also while somebody still has a file open there."""
        _run("umount", "-l", str(self.folder))


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
