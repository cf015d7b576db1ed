"""Where the memory cgroup of a process lies, in version 1 and 2, and what its files say."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def memory_folders(process: int | str, *, root: Path = ROOT, proc: Path = PROC) -> list[Path]:
    """The folders of the memory cgroup of a process (`self`, or a number) and of those above it, own first.

    In a container the path is often the host's and the container's own group is mounted at the root: so what
    does not exist is left out, and the root of the hierarchy always comes last. Empty: there is none.
    """
    try:
        lines = (proc / str(process) / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    entries = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    for _, controllers, path in entries:
        if "memory" in controllers.split(","):
            return list(_upwards(root / "memory", path))
    for hierarchy, _, path in entries:
        if hierarchy == "0":
            return list(_upwards(root, path))
    return []


def _upwards(top: Path, path: str) -> Iterator[Path]:
    here = top / path.removesuffix(" (deleted)").lstrip("/")
    while here != top:
        if here.is_dir():
            yield here
        here = here.parent
    yield top


def is_killed_as_a_group(*, root: Path = ROOT, proc: Path = PROC) -> bool:
    """Whether the kernel, when this group's memory ends, kills every process in it: workers, server and all.

    Version 2 only (`memory.oom.group`); Kubernetes sets it.
    """
    return any(
        _word(folder / "memory.oom.group") == "1" for folder in memory_folders("self", root=root, proc=proc)
    )


def _word(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
