"""How many cores this process owns, and how many of them one session should use."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")

SMALL_GRAPH_BYTES = 16 << 20
"""Graphs below this run on one thread. Measured on two cores: a second thread saves YuNet, FaceMesh and
MobileFaceNet (0.3–4 MB) at most 40 % of wall time and costs 20–70 % more core time, which a video lacks."""


def owned_cores(*, cgroup: Path = _CGROUP, membership: Path = _SELF) -> int:
    """The cores this process may really use: its affinity, cut by its container's CPU quota; at least 1."""
    allowed = _affinity()
    quota = min(_quotas(cgroup, membership), default=float(allowed))
    return max(1, min(allowed, int(quota)))


def threads_for(graph_bytes: int, *, configured: int, cores: int) -> int:
    """Threads of one session: what the settings say, else by the size of its graph and the cores owned."""
    if configured > 0:
        return configured
    return 1 if graph_bytes < SMALL_GRAPH_BYTES else cores


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(cgroup: Path, membership: Path) -> list[float]:
    """Cores granted at every level from this process's group up to the root (v2), or by v1's controller."""
    folders = [cgroup, cgroup / "cpu"]
    for line in _read(membership).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers in ("", "cpu", "cpu,cpuacct"):
            root = cgroup / "cpu" if controllers else cgroup
            group = Path(path.lstrip("/"))
            folders += [root / level for level in (group, *group.parents)]
    return [cores for folder in dict.fromkeys(folders) for cores in _quota_of(folder)]


def _quota_of(folder: Path) -> list[float]:
    """The quota of one group as cores, none where it has no limit."""
    words = _read(folder / "cpu.max").split()  # v2: "200000 100000" or "max 100000"
    if not words:
        words = [
            _read(folder / f"cpu.cfs_{what}_us").strip() for what in ("quota", "period")
        ]  # v1: -1 is none
    try:
        quota, period = (int(word) for word in words)
    except ValueError:
        return []
    return [quota / period] if quota > 0 and period > 0 else []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
