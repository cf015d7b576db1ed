"""Who holds a lease: one life of one server process, told from every other one.

A lease of a process that is dead for certain (this host, another boot or no such process any more) need not
run out: a start drops it at once.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_FIELD = 19
"""Of `/proc/PID/stat`, counted behind the name in brackets: proc(5), field 22."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incarnation:
    """One life of one process."""

    host: str
    boot: str
    """Of the kernel."""
    pid: int
    started: int
    """In clock ticks since the boot: tells it from another process that has the same number later."""
    nonce: str

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}/{self.pid}/{self.started}/{self.nonce}"

    @classmethod
    def of_this_process(cls) -> Self:
        """A new one, for as long as this process lives."""
        return cls(
            host=socket.gethostname()[:64].replace("/", "_"),
            boot=boot_id(),
            pid=os.getpid(),
            started=start_of(os.getpid()) or 0,
            nonce=secrets.token_hex(4),
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Out of its text; None: it is none."""
        parts = text.split("/")
        if len(parts) != 5 or not parts[2].isdigit() or not parts[3].isdigit():
            return None
        host, boot, pid, started, nonce = parts
        return cls(host=host, boot=boot, pid=int(pid), started=int(started), nonce=nonce)

    def is_surely_dead(self, here: "Incarnation") -> bool:
        """Whether `here` can tell that it is over; false for other hosts, whose leases run out instead."""
        if self == here or self.host != here.host:
            return False
        if self.boot != here.boot or (self.pid, self.started) == (here.pid, here.started):
            return True  # another boot; or a former service of this very process
        return start_of(self.pid) != self.started


def boot_id() -> str:
    """Of the running kernel; empty where there is none to be read."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()[:8]
    except OSError:
        return ""


def start_of(pid: int) -> int | None:
    """When a process began, in clock ticks since the boot; None: there is none, or it has ended."""
    try:
        behind_name = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        )
    except OSError:
        return None
    fields = behind_name.split()
    return None if fields[0] in ("Z", "X") else int(fields[_START_FIELD])
