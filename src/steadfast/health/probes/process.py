"""Probes of the server as a process: its loop, its guardian, its children, its descriptors."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from steadfast.health.probes.contract import Probe, Surroundings
from steadfast.health.readings import Level, Sample, Status, Thresholds
from steadfast.runtime.breaker import BreakerState

_BEAT_S = 0.25


class LoopLag(Probe):
    """How late the event loop came to what was due: the longest since the last look."""

    name = "loop_lag"
    level = Level.PROCESS
    unit = "s"
    thresholds = Thresholds(warning=0.25, error=1.0)
    is_instant = True

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_at_s: float | None = None
        self._longest_s = 0.0

    def take(self) -> Iterable[Sample]:
        """The longest lag, which is then forgotten."""
        if self._due_at_s is None:
            self._beat()
        longest_s, self._longest_s = self._longest_s, 0.0
        return [Sample(value=longest_s)]

    def _beat(self) -> None:
        now_s = self._clock()
        if self._due_at_s is not None:
            self._longest_s = max(self._longest_s, now_s - self._due_at_s)
        self._due_at_s = now_s + _BEAT_S
        asyncio.get_running_loop().call_later(_BEAT_S, self._beat)


class GuardianLink(Probe):
    """Whether the guardian is still this process's parent."""

    name = "guardian"
    level = Level.PROCESS
    is_instant = True

    def __init__(self, surroundings: Surroundings) -> None:
        self._pid = surroundings.guardian_pid
        self._last_death = surroundings.last_death

    def take(self) -> Iterable[Sample]:
        """1 with a guardian; disabled without."""
        if self._pid is None:
            return [Sample(note="there is no guardian")]
        if os.getppid() != self._pid:
            return [Sample(value=0.0, status=Status.ERROR, note="the guardian is gone")]
        note = "the server before this one died" if self._last_death() else ""
        return [Sample(value=1.0, note=note)]


class WorkerStates(Probe):
    """Workers that are missing in their places, per task."""

    name = "workers"
    level = Level.PROCESS
    unit = "workers missing"
    is_instant = True
    is_watched = False  # deaths and breakers make incidents of their own, at once

    def __init__(self, surroundings: Surroundings) -> None:
        self._snapshot = surroundings.snapshot

    def take(self) -> Iterable[Sample]:
        """One value per task."""
        for pool in self._snapshot().pools:
            missing = pool.places - pool.able
            is_open = pool.breaker is not BreakerState.CLOSED
            status = Status.OK if not missing else Status.WARNING if pool.able else Status.ERROR
            yield Sample(
                value=float(missing),
                subject=pool.task,
                status=Status.ERROR if is_open else status,
                note="its breaker is open" if is_open else "",
            )


class OpenFiles(Probe):
    """Descriptors of this process, as a part of what it may open."""

    name = "open_files"
    level = Level.PROCESS
    unit = "fraction"
    thresholds = Thresholds(warning=0.7, error=0.9)
    is_instant = True

    def take(self) -> Iterable[Sample]:
        """One value."""
        import resource  # noqa: PLC0415 — there is none on Windows

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        count = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 — the numbers alone, no Path for each
        if limit == resource.RLIM_INFINITY:
            return [Sample(note="there is no limit")]
        return [Sample(value=count / limit, limit=1.0, note=f"{count} of {limit}")]


class Threads(Probe):
    """Threads of this process that Python knows."""

    name = "threads"
    level = Level.PROCESS
    unit = "threads"
    thresholds = Thresholds(warning=200, error=1000)
    is_instant = True

    def take(self) -> Iterable[Sample]:
        """One value."""
        return [Sample(value=float(threading.active_count()))]


class Zombies(Probe):
    """Children that have ended and that nobody has reaped."""

    name = "zombies"
    level = Level.PROCESS
    unit = "processes"
    thresholds = Thresholds(warning=3, error=50)
    is_instant = True

    def take(self) -> Iterable[Sample]:
        """One value."""
        listing = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
        zombies = sum(_is_zombie(pid) for pid in listing.split())
        return [Sample(value=float(zombies))]


class PythonObjects(Probe):
    """Memory blocks that Python has given out: what a leak of objects makes grow."""

    name = "python_objects"
    level = Level.PROCESS
    unit = "blocks"
    interval_s = 30.0
    is_instant = True

    def take(self) -> Iterable[Sample]:
        """One value."""
        return [Sample(value=float(sys.getallocatedblocks()), limit=20e6)]


def _is_zombie(pid: str) -> bool:
    try:
        # The name in parentheses may hold anything, a parenthesis too.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def process_probes(surroundings: Surroundings) -> list[Probe]:
    """All of this file."""
    return [
        LoopLag(surroundings.clock),
        GuardianLink(surroundings),
        WorkerStates(surroundings),
        OpenFiles(),
        Threads(),
        Zombies(),
        PythonObjects(),
    ]
