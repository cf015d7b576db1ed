"""A memory cgroup around a private server, v1 or v2, whose limit can be tightened while it runs."""

import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryGroup:
    """One that was made."""

    folder: Path
    is_v1: bool

    @classmethod
    def make(cls) -> Self | None:
        """None where this user or this machine cannot have one."""
        is_v1 = (_CGROUPS / "memory" / "memory.limit_in_bytes").exists()
        parent = _CGROUPS / "memory" if is_v1 else _CGROUPS
        group = cls(folder=parent / f"steadfast-drill-{os.getpid()}-{secrets.token_hex(3)}", is_v1=is_v1)
        try:
            group.folder.mkdir()
            group.limit(None)
        except OSError:
            with suppress(OSError):
                group.folder.rmdir()
            return None
        return group

    def entering(self) -> list[str]:
        """Words before a command that is to live inside."""
        return ["/bin/sh", "-c", f'echo $$ > "{self.folder}/cgroup.procs" && exec "$@"', "enter"]

    def used_bytes(self) -> int:
        """What its processes hold; not what the kernel merely caches for them."""
        name, key = ("memory.stat", "total_rss ") if self.is_v1 else ("memory.stat", "anon ")
        lines = (self.folder / name).read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)

    def limit(self, limit_bytes: int | None) -> None:
        """None: no limit. Raises `OSError`."""
        name, none = ("memory.limit_in_bytes", "-1") if self.is_v1 else ("memory.max", "max")
        (self.folder / name).write_text(none if limit_bytes is None else str(limit_bytes))
        if not self.is_v1:
            with suppress(OSError):  # without swap the kernel must decide at once
                (self.folder / "memory.swap.max").write_text("max" if limit_bytes is None else "0")

    def remove(self) -> None:
        """A process that was killed leaves it a moment later."""
        until_s = time.monotonic() + 5
        while time.monotonic() < until_s:
            with suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.05)
