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

    def unmount(self) -> None:
        """Also while somebody still has a file open there."""
        _run("umount", "-l", str(self.folder))


class ReadOnlyCover:
    """A folder mounted over itself, read-only: whoever opens a file there from now on may only read it."""

    def __init__(self, folder: Path) -> None:
        """Raises `NotHere` where this user may not mount."""
        self._folder = str(folder)
        if not _run("mount", "--bind", self._folder, self._folder):
            raise NotHere("no folder can be made read-only here (that needs root)")
        if not _run("mount", "-o", "remount,bind,ro", self._folder):
            self.remove()
            raise NotHere("the kernel refused to make the folder read-only")

    def remove(self) -> None:
        """As before."""
        _run("umount", "-l", self._folder)


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
