"""Did the kernel's OOM killer do it? Its log tells, where it may be read, else the cgroup's counters."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from steadfast.runtime.cgroup import PROC, ROOT, memory_folders

_LOG = "/dev/kmsg"


class OomWatch:
    """Compares a cgroup's count of OOM kills before and after a death.

    The counter belongs to all processes of the group, so it is only believed for a death by SIGKILL that
    nobody here sent, and each step of it explains one death. `remember` is called on a tick: kills of other
    processes of the group then grow old and explain nothing.
    """

    def __init__(self, read_count: Callable[[], int]) -> None:
        self._read_count = read_count
        now = read_count()
        self._explained = now
        self._at_last_tick = now

    def remember(self) -> None:
        """Lets kills from before the previous tick explain nothing any more."""
        self._explained = max(self._explained, self._at_last_tick)
        self._at_last_tick = self._read_count()

    def explains_a_death(self) -> bool:
        """Whether there was a kill that no death has been explained with yet; it is used up by this."""
        if self._read_count() <= self._explained:
            return False
        self._explained += 1
        return True


def read_kill_count(path: Path) -> int:
    """The `oom_kill` line of `memory.events` (v2) or `memory.oom_control` (v1); 0 where it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return 0


def _counter_file(pid: int, root: Path, proc: Path) -> Path | None:
    for folder in memory_folders(pid, root=root, proc=proc):
        for name in ("memory.events", "memory.oom_control"):
            if (folder / name).exists():
                return folder / name
    return None


def kernel_log_names(pid: int, *, since_s: float, log: str = _LOG) -> bool:
    """Whether the kernel's log says that it killed `pid` for memory after `since_s` on the monotonic clock.

    False where the log may not be read. Process numbers come back after a while, so older records do not
    count.
    """
    needle = f"Killed process {pid} ".encode()
    try:
        fd = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return any(needle in record and _written_at_s(record) >= since_s for record in _records(fd))
    finally:
        os.close(fd)


def _written_at_s(record: bytes) -> float:
    """Time of a record of /dev/kmsg: "priority,number,microseconds,flags;text"."""
    fields = record.split(b",", 3)
    return int(fields[2]) / 1e6 if len(fields) > 3 and fields[2].isdigit() else 0.0


def _records(fd: int) -> list[bytes]:
    records: list[bytes] = []
    while True:
        try:
            record = os.read(fd, 8192)
        except BrokenPipeError:  # overwritten while we read: the next read goes on behind the gap
            continue
        except OSError:
            return records
        if not record:
            return records
        records.append(record)


class OomWatches:
    """One `OomWatch` per memory cgroup in which a worker was seen; usually a single one."""

    def __init__(self, *, root: Path = ROOT, proc: Path = PROC) -> None:
        self._root = root
        self._proc = proc
        self._watches: dict[Path, OomWatch] = {}
        self._file_of: dict[int, Path] = {}

    def watch(self, pid: int) -> None:
        """Starts counting in the cgroup of `pid`; call it again now and then, it may be moved to another."""
        path = _counter_file(pid, self._root, self._proc)
        if path is None:
            return
        self._file_of[pid] = path
        if path not in self._watches:
            self._watches[path] = OomWatch(lambda: read_kill_count(path))

    def remember(self) -> None:
        """`OomWatch.remember` for all."""
        for watch in self._watches.values():
            watch.remember()

    def forget(self, pid: int) -> None:
        """It is gone, and its number may pass to another."""
        self._file_of.pop(pid, None)

    def explains_death_of(self, pid: int) -> bool:
        """Whether the cgroup of `pid`, which is dead but not reaped, counted a kill for it.

        Where it was seen last counts: some kernels move what is dead to the root.
        """
        path = self._file_of.get(pid)
        return path is not None and self._watches[path].explains_a_death()
