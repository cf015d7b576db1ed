"""Rows: memory runs out, by a limit of the address space and by a memory cgroup shared with the server."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.server.live_service import LiveService, live_service
from tests.chaos.server.marks import marked
from tests.chaos.server.traffic import Answer, Load, ask, face, send, swap

QUIET_S = 3.0
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class OutOfMemory:
    """What the hungry request came to, and how the place climbed back."""

    answer: Answer
    causes: tuple[str, ...]
    """Of the deaths that it cost; none where the allocation failed and the worker lived on."""
    steps_down: tuple[int, ...]
    """Levels that were stepped down to."""
    status_while_down: str
    back_up_after_s: float
    """From the answer to every worker at its best step again."""
    quiet_s: float
    requests: int
    failed: int
    wrong: int
    server_lived: bool

    def __str__(self) -> str:
        how = ", ".join(self.causes) or "allocation refused"
        return (
            f"{how}; {self.answer.status}, stepped down to {list(self.steps_down)}, "
            f"degraded: {self.answer.degraded!r}, back up after {self.back_up_after_s:.1f} s "
            f"(quiet period {self.quiet_s:.0f} s); others: {self.requests} requests, {self.failed} failed, "
            f"{self.wrong} wrong"
        )


async def exhaust_address_space(
    folder: Path, *, limit_mib: int = 3072, quiet_s: float = QUIET_S
) -> OutOfMemory:
    """RLIMIT_AS: the allocation fails inside the worker, which lives on."""
    limits: dict[str, Any] = {"runtime__max_address_space_bytes": limit_mib << 20}
    return await _exhaust(folder, hunger_mib=limit_mib, quiet_s=quiet_s, **limits)


async def exhaust_cgroup(folder: Path, *, limit_mib: int = 1600, quiet_s: float = QUIET_S) -> OutOfMemory:
    """A memory cgroup around the whole service: the kernel's OOM killer takes the worker, not the server."""
    with memory_cgroup(limit_mib << 20) as group:
        enter = ("/bin/sh", "-c", f'echo $$ > {group / "cgroup.procs"} && exec "$@"', "enter")
        return await _exhaust(folder, hunger_mib=limit_mib, quiet_s=quiet_s, wrapper=enter)


async def _exhaust(folder: Path, *, hunger_mib: int, quiet_s: float, **more: Any) -> OutOfMemory:
    with live_service(folder, workers=1, runtime__quiet_s=quiet_s, **more) as service:
        server_pid = service.server_pid
        load = Load(port=service.port, clients=4)
        await load.learn()
        async with load:
            answer = await send(service.port, swap(marked(face(), "allocate", mib=hunger_mib)))
            status = ask(service.port, "GET", "/health").json()["status"]
            answered_s = time.monotonic()
            await _until_at_best(service, quiet_s * 4 + 20)
            back_up_after_s = time.monotonic() - answered_s
        return OutOfMemory(
            answer=answer,
            causes=tuple(line["cause"] for line in service.told("worker_died") if not line["wanted"]),
            steps_down=tuple(line["step"] for line in service.told("stepped_down")),
            status_while_down=status,
            back_up_after_s=back_up_after_s,
            quiet_s=quiet_s,
            requests=len(load.answers),
            failed=load.failed,
            wrong=load.wrong,
            server_lived=service.server_pid == server_pid,
        )


async def _until_at_best(service: LiveService, within_s: float) -> None:
    until_s = time.monotonic() + within_s
    while True:
        health = await asyncio.to_thread(ask, service.port, "GET", "/health")
        task = health.json()["tasks"]["face_swap"]
        serving = [worker for worker in task["workers"] if not worker["is_spare"]]
        if serving and not task["degraded"] and all(worker["level"] == 0 for worker in serving):
            return
        assert time.monotonic() < until_s, f"it did not climb back: {task}\n{service.tail()}"
        await asyncio.sleep(0.1)


class CapabilityMissing(Exception):
    """This machine cannot show it; the message says why."""


@contextmanager
def memory_cgroup(limit_bytes: int) -> Iterator[Path]:
    """A cgroup of that size without swap, v1 or v2. Raises `CapabilityMissing`."""
    if os.geteuid() != 0:
        raise CapabilityMissing("only root can make a memory cgroup")
    is_v1 = (_CGROUPS / "memory" / "memory.limit_in_bytes").exists()
    group = (_CGROUPS / "memory" if is_v1 else _CGROUPS) / f"steadfast-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text(str(limit_bytes))
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        raise CapabilityMissing(f"no memory cgroup can be made here: {error}") from error
    try:
        yield group
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        with suppress(OSError):  # a process that was killed leaves it a moment later
            group.rmdir()
            return
        time.sleep(0.05)
