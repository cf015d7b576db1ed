"""Resident memory of a process, and the limit of the cgroup it lives in."""

import mmap
from pathlib import Path

_NO_LIMIT_BYTES = 1 << 60  # cgroup v1 says "none" with a number near 2^63


def resident_bytes(pid: int) -> int:
    """Resident memory without what is shared through files and memfds; 0: the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * mmap.PAGESIZE if len(fields) > 2 else 0


def cgroup_limit_bytes(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The memory limit of this process's own cgroup, v2 or v1; None where there is none."""
    for name in _limit_files(root):
        try:
            text = name.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _NO_LIMIT_BYTES:
            return int(text)
    return None


def share_of_limit(limit_bytes: int, *, processes: int, server_bytes: int) -> tuple[int, int]:
    """Soft and hard resident memory of one worker, so that all together stay below the cgroup's limit.

    At the soft one it is replaced without a gap, at the hard one it is killed by us: on cgroup v2 with
    group kill the kernel would end the whole container instead. `processes`: workers and spares;
    `server_bytes`: what the server and the arenas take.
    """
    share = max(0, limit_bytes - server_bytes) // max(1, processes)
    return int(share * 0.8), int(share * 0.95)


def _limit_files(root: Path) -> list[Path]:
    files: list[Path] = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        hierarchy, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            files.append(root / "memory" / path.lstrip("/") / "memory.limit_in_bytes")
        elif hierarchy == "0":
            files.append(root / path.lstrip("/") / "memory.max")
    return [*files, root / "memory.max", root / "memory" / "memory.limit_in_bytes"]
