"""Probes of what is used up: CPU, memory, disks. All of them from files of the kernel that answer at once."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from steadfast.health.probes.contract import Probe, Surroundings
from steadfast.health.readings import Sample, Thresholds
from steadfast.runtime.memory import cgroup_limit_bytes, resident_bytes

_GIB = 1 << 30


class CpuUse(Probe):
    """How much of the machine's cores was used since the last look."""

    name = "cpu"
    unit = "fraction"
    # No thresholds: a busy machine is what it was bought for. Saturation is judged by work that waits.
    is_instant = True
    is_watched = False

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._before = (0, 0)

    def take(self) -> Iterable[Sample]:
        """One value; the first is the mean since the machine started."""
        ticks = [
            int(field) for field in self._stat.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
        ]
        total, idle = sum(ticks), ticks[3] + ticks[4]
        passed, waited = total - self._before[0], idle - self._before[1]
        self._before = (total, idle)
        return [Sample(value=1 - waited / passed if passed > 0 else 0.0)]


class HostMemory(Probe):
    """Memory in use, of the machine or of the cgroup, whichever is nearer its limit."""

    name = "memory"
    unit = "fraction"
    thresholds = Thresholds(warning=0.90, error=0.96)
    is_instant = True

    def __init__(
        self,
        meminfo: Path = Path("/proc/meminfo"),
        cgroup: Callable[[], tuple[int, int] | None] | None = None,
    ) -> None:
        self._meminfo = meminfo
        self._cgroup = cgroup or _cgroup_use

    def take(self) -> Iterable[Sample]:
        """One value."""
        host, cgroup = self._host_use(), self._cgroup()
        if cgroup is not None and cgroup[0] / cgroup[1] > host:
            return [Sample(value=cgroup[0] / cgroup[1], limit=1.0, note="of the cgroup's limit")]
        return [Sample(value=host, limit=1.0, note="of the machine")]

    def _host_use(self) -> float:
        lines = self._meminfo.read_text(encoding="ascii").splitlines()
        kibibytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines[:5]}
        return 1 - kibibytes["MemAvailable"] / kibibytes["MemTotal"]


class WorkerMemory(Probe):
    """Resident memory of every worker and of the server."""

    name = "worker_memory"
    unit = "bytes"
    is_instant = True

    def __init__(self, surroundings: Surroundings) -> None:
        self._snapshot = surroundings.snapshot
        self._limit_bytes = cgroup_limit_bytes() or _machine_bytes()

    def take(self) -> Iterable[Sample]:
        """One value per process; the supervisor has taken the workers' once a second."""
        limit = float(self._limit_bytes)
        yield Sample(value=float(resident_bytes(os.getpid())), subject="server", limit=limit)
        for pool in self._snapshot().pools:
            for worker in pool.workers:
                yield Sample(value=float(worker.rss_bytes), subject=worker.name, limit=limit)


class DiskSpace(Probe):
    """Free space of the disks that must not run full."""

    name = "disk_space"
    unit = "fraction free"
    thresholds = Thresholds(warning=0.10, error=0.03, is_falling=True)

    def __init__(self, folders: Mapping[str, Path], *, plenty_bytes: int = 20 * _GIB) -> None:
        """Above `plenty_bytes` a large disk is not nearly full, whatever part that is."""
        self._folders = folders
        self._plenty_bytes = plenty_bytes

    def take(self) -> Iterable[Sample]:
        """One value per folder."""
        for name, folder in self._folders.items():
            found = os.statvfs(folder)
            free_bytes, size_bytes = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
            part = free_bytes / size_bytes if size_bytes else 1.0
            value = max(part, 0.5) if free_bytes > self._plenty_bytes else part
            yield Sample(value=value, subject=name, limit=0.0, note=f"{free_bytes / _GIB:.1f} GiB free")


class DiskInodes(Probe):
    """Free inodes of the same disks: many small files fill a disk that has space left."""

    name = "disk_inodes"
    unit = "fraction free"
    thresholds = Thresholds(warning=0.05, error=0.01, is_falling=True)
    interval_s = 15.0

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def take(self) -> Iterable[Sample]:
        """One value per folder; a file system without a number of inodes has none to run out of."""
        for name, folder in self._folders.items():
            found = os.statvfs(folder)
            yield Sample(value=found.f_favail / found.f_files if found.f_files else None, subject=name)


class DatabaseAnswers(Probe):
    """Whether the database answers, and how long it takes."""

    name = "database"
    unit = "s"
    thresholds = Thresholds(warning=1.0)

    def __init__(self, ping: Callable[[], None], clock: Callable[[], float]) -> None:
        self._ping = ping
        self._clock = clock

    def take(self) -> Iterable[Sample]:
        """One value; a database that fails makes the probe `unknown` with the kind of failure."""
        began_s = self._clock()
        self._ping()
        return [Sample(value=self._clock() - began_s)]


def _machine_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cgroup_use(root: Path = Path("/sys/fs/cgroup")) -> tuple[int, int] | None:
    """Bytes in use without what the kernel can drop, and the limit; None where there is no limit."""
    limit_bytes = cgroup_limit_bytes(root=root)
    if not limit_bytes:
        return None
    for current, stat in ((root / "memory.current", root / "memory.stat"),):
        try:
            used_bytes = int(current.read_text(encoding="ascii"))
            return max(0, used_bytes - _droppable_bytes(stat)), limit_bytes
        except (OSError, ValueError):
            continue
    return None


def _droppable_bytes(stat: Path) -> int:
    for line in stat.read_text(encoding="ascii").splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def resource_probes(surroundings: Surroundings) -> list[Probe]:
    """All of this file."""
    probes: list[Probe] = [CpuUse(), HostMemory(), WorkerMemory(surroundings)]
    if surroundings.folders:
        probes += [DiskSpace(surroundings.folders), DiskInodes(surroundings.folders)]
    if surroundings.ping_database is not None:
        probes.append(DatabaseAnswers(surroundings.ping_database, surroundings.clock))
    return probes
