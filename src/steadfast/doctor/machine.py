"""Python, cores, memory and disk, as far as this process may use them."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.inference.threads import owned_cores
from steadfast.runtime.cgroup import is_killed_as_a_group

_CGROUP = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")
_OLDEST_PYTHON = (3, 11)
_MEMORY_TO_WORK_BYTES = 768 << 20  # what a swap of a 720p video takes, with models and encoder
_COMFORTABLE_MEMORY_BYTES = 2 << 30
_DISK_TO_WORK_BYTES = 64 << 20
_COMFORTABLE_DISK_BYTES = 2 << 30


class Memory(NamedTuple):
    """Memory of the machine or, where that is less, of the container."""

    total_bytes: int
    available_bytes: int
    is_limited: bool  # whether a container's limit is what counts


def examine_machine(models_folder: Path) -> Iterator[Finding]:
    """Looks at what the program runs on; changes nothing."""
    yield _python()
    yield _cores()
    yield _memory(read_memory())
    if is_killed_as_a_group():
        yield _group_kill()
    yield from _disks(models_folder)


def read_memory(*, cgroup: Path = _CGROUP, membership: Path = _SELF) -> Memory:
    """The memory this process may use; inactive file cache of a container counts as available."""
    machine = psutil.virtual_memory()
    total, available, is_limited = machine.total, machine.available, False
    for folder in _groups(cgroup, membership):
        limit, used = _limit_and_use(folder)
        if limit is not None and limit < machine.total:
            is_limited = True
            total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total, available, is_limited)


def _python() -> Finding:
    version = platform.python_version()
    is_supported = sys.version_info >= _OLDEST_PYTHON
    return Finding(
        section=Section.MACHINE,
        name="Python",
        health=Health.GREEN if is_supported else Health.RED,
        summary=f"{version} on {platform.system()} {platform.machine()}",
        remedy="" if is_supported else "Install Python 3.11 or newer.",
        facts={"version": version, "executable": sys.executable, "platform": platform.platform()},
    )


def _cores() -> Finding:
    owned, machine = owned_cores(), os.cpu_count() or 1
    limited = f" of {machine}: affinity or a container's quota keeps the rest away" if owned < machine else ""
    return Finding(
        section=Section.MACHINE,
        name="Cores",
        health=Health.GREEN if owned > 1 else Health.YELLOW,
        summary=f"{owned}{limited}",
        remedy="" if owned > 1 else "With one core, decoding, swapping and encoding cannot overlap.",
        facts={"owned": owned, "machine": machine},
    )


def _memory(memory: Memory) -> Finding:
    health, remedy = Health.GREEN, ""
    if memory.available_bytes < _MEMORY_TO_WORK_BYTES:
        health, remedy = Health.RED, "Close other programs or raise the container's limit."
    elif memory.available_bytes < _COMFORTABLE_MEMORY_BYTES:
        health, remedy = Health.YELLOW, "Enough for photos and small videos; close other programs for more."
    whose = "the container" if memory.is_limited else "the machine"
    return Finding(
        section=Section.MACHINE,
        name="Memory",
        health=health,
        summary=f"{gib(memory.available_bytes)} available of {gib(memory.total_bytes)} of {whose}",
        remedy=remedy,
        facts=memory._asdict(),
    )


def _group_kill() -> Finding:
    return Finding(
        section=Section.MACHINE,
        name="Out of memory",
        health=Health.YELLOW,
        summary="the kernel would end the whole container, not one worker (memory.oom.group)",
        remedy="The service ends a worker before that; runtime.hard_memory_bytes says when.",
    )


def _disks(models_folder: Path) -> Iterator[Finding]:
    # Nothing else is written: frames never touch the disk, and outputs lie aside in their own folder.
    yield _disk("Model folder", models_folder)
    yield _disk("Working folder", Path.cwd())


def _disk(name: str, folder: Path) -> Finding:
    existing = next(p for p in (folder, *folder.parents) if p.is_dir())
    free_bytes = shutil.disk_usage(existing).free
    health, remedy = Health.GREEN, ""
    if not os.access(existing, os.W_OK):
        health, remedy = Health.YELLOW, f"Nothing can be written to {existing}; choose another folder."
    elif free_bytes < _DISK_TO_WORK_BYTES:
        health, remedy = Health.RED, f"Free some space in {existing}."
    elif free_bytes < _COMFORTABLE_DISK_BYTES:
        health, remedy = Health.YELLOW, "A long video may not fit; free some space."
    return Finding(
        section=Section.MACHINE,
        name=name,
        health=health,
        summary=f"{gib(free_bytes)} free in {folder}",
        remedy=remedy,
        facts={"folder": folder, "free_bytes": free_bytes},
    )


def gib(size_bytes: int) -> str:
    """Bytes as people compare memory."""
    return f"{size_bytes / (1 << 30):.1f} GiB"


def _groups(cgroup: Path, membership: Path) -> Iterator[Path]:
    """This process's memory group and all above it: a limit at any level holds."""
    yield cgroup
    yield cgroup / "memory"
    for line in _read(membership).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers in ("", "memory"):
            root = cgroup / controllers
            group = Path(path.lstrip("/"))
            yield from (root / level for level in (group, *group.parents))


def _limit_and_use(folder: Path) -> tuple[int | None, int]:
    """The limit of one group in bytes (None: it has none) and what cannot be given back of its use."""
    for limit_name, use_name in (
        ("memory.max", "memory.current"),  # v2
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),  # v1, where a huge number means no limit
    ):
        limit, use = _read(folder / limit_name).strip(), _read(folder / use_name).strip()
        if limit.isdigit():
            return int(limit), max(0, int(use or 0) - _inactive_file_bytes(folder))
    return None, 0


def _inactive_file_bytes(folder: Path) -> int:
    for line in _read(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
