"""Room to start in: memory of the container, and folders that can be written to."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.doctor.machine import Memory, gib, read_memory
from steadfast.settings import Settings

MEMORY_TO_START_BYTES = 512 << 20
"""The server and one worker that swaps photos. Measured: 150 MB and 180 MB, more while it works."""
_COMFORTABLE_MEMORY_BYTES = 1 << 30
_ROOM_TO_START_BYTES = 64 << 20
_COMFORTABLE_ROOM_BYTES = 2 << 30

FreeBytes = Callable[[Path], int]


def examine_room(
    settings: Settings, *, memory: Memory | None = None, free_bytes: FreeBytes | None = None
) -> Iterator[Finding]:
    """Memory, then every folder that a service writes to; makes the data folder if it is not there."""
    free = free_bytes or _free_bytes
    yield _memory(memory or read_memory())
    yield _folder("Data folder", settings.data_dir, free, is_needed=True)
    if not settings.models.dir.is_relative_to(settings.data_dir):
        yield _folder("Model folder", settings.models.dir, free, is_needed=False)
    yield _temporary_folder(free)


def _memory(memory: Memory) -> Finding:
    health, remedy = Health.GREEN, ""
    whose = "the container's limit" if memory.is_limited else "the machine's memory"
    summary = f"{whose} is {gib(memory.total_bytes)}"
    if memory.total_bytes < MEMORY_TO_START_BYTES:
        health = Health.RED
        summary += f", and a server with one worker needs {gib(MEMORY_TO_START_BYTES)}"
        remedy = "Raise the limit."
    elif memory.total_bytes < _COMFORTABLE_MEMORY_BYTES:
        health, remedy = Health.YELLOW, "It is enough for photos; give 1 GiB or more for videos."
    return Finding(
        section=Section.MACHINE, name="Memory", health=health, summary=summary, remedy=remedy,
        facts=memory._asdict(),
    )  # fmt: skip


def _folder(name: str, folder: Path, free_bytes: FreeBytes, *, is_needed: bool) -> Finding:
    reason = _why_unwritable(folder)
    if reason is None:
        return _writable(name, folder, free_bytes(folder))
    remedy = f"Mount a volume there that the user {os.getuid()} may write to, or set another folder."
    return Finding(
        section=Section.MACHINE,
        name=name,
        health=Health.RED if is_needed else Health.YELLOW,  # a complete folder of models may be read-only
        summary=f"nothing can be written to {folder} ({reason})",
        remedy=remedy if is_needed else "That is well if all models are there; a damaged one stays damaged.",
        facts={"folder": folder},
    )


def _writable(name: str, folder: Path, free_bytes: int) -> Finding:
    health, remedy = Health.GREEN, ""
    summary = f"{gib(free_bytes)} free in {folder}"
    if free_bytes < _ROOM_TO_START_BYTES:
        health, remedy = Health.RED, "Free some space there."
        summary = f"only {free_bytes >> 20} MiB free in {folder}"
    elif free_bytes < _COMFORTABLE_ROOM_BYTES:
        health, remedy = Health.YELLOW, "Jobs with long videos may not fit."
    return Finding(
        section=Section.MACHINE, name=name, health=health, summary=summary, remedy=remedy,
        facts={"folder": folder, "free_bytes": free_bytes},
    )  # fmt: skip


def _temporary_folder(free_bytes: FreeBytes) -> Finding:
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Finding(
            section=Section.MACHINE,
            name="Temporary folder",
            health=Health.RED,
            summary="there is none that can be written to",
            remedy="Give the container one (`--tmpfs /tmp`).",
        )
    return Finding(
        section=Section.MACHINE,
        name="Temporary folder",
        health=Health.GREEN,
        summary=f"{gib(free_bytes(folder))} free in {folder}",
        facts={"folder": folder, "free_bytes": free_bytes(folder)},
    )


def _why_unwritable(folder: Path) -> str | None:
    """None if a file can be made there; by making one, since what permissions say is not all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _free_bytes(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
