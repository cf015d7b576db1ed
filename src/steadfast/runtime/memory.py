"""Resident memory of a process, and the limit of the cgroup it lives in."""

import mmap
from pathlib import Path

from steadfast.runtime.cgroup import PROC, ROOT, memory_folders

_NO_LIMIT_BYTES = 1 << 60  # cgroup v1 says "none" with a number near 2^63


def resident_bytes(pid: int) -> int:
    """Resident memory without what is shared through files and memfds; 0: the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * mmap.PAGESIZE if len(fields) > 2 else 0


def cgroup_limit_bytes(*, root: Path = ROOT, proc: Path = PROC) -> int | None:
    """The least memory limit of this process's cgroup and those above it, v2 or v1; None: there is none."""
    limits = [
        limit_bytes
        for folder in (*memory_folders("self", root=root, proc=proc), root, root / "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (limit_bytes := _limit_in(folder / name)) is not None
    ]
    return min(limits, default=None)


def _limit_in(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT_BYTES else None


def share_of_room(room_bytes: int, *, processes: int) -> tuple[int, int]:
    """Soft and hard resident memory of one worker, so that all together stay within `room_bytes`.

    At the soft one it is replaced without a gap, at the hard one it is killed by us: on cgroup v2 with
    group kill the kernel would end the whole container instead. `processes`: workers and spares.
    """
    share = max(0, room_bytes) // max(1, processes)
    return int(share * 0.8), int(share * 0.95)
