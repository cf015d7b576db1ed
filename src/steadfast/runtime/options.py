"""How workers are started and kept, as small objects that `app` fills from the settings."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where workers run: some cores, or an accelerator (a MIG instance is one too)."""

    name: str = "cpu"
    """`cpu`, `cuda:0`, …; shown in titles and events."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that select it, for example `CUDA_VISIBLE_DEVICES`."""
    memory_bytes: int = 0
    """Its memory, where it has its own; 0: not known. Decides whether a spare fits beside a worker."""


@dataclass(frozen=True, kw_only=True)
class ArenaOptions:
    """Size of a worker's shared memory."""

    request_bytes: int = 64 * MIB
    """Most that one dispatch may carry to the worker; more goes as a file."""
    answer_bytes: int = 64 * MIB
    """Most that its answers may carry back."""
    prefault_bytes: int = 4 * MIB
    """Kept present on each side; what a dispatch needs beyond it is given back afterwards."""


@dataclass(frozen=True, kw_only=True)
class ConfinementOptions:
    """What a worker may reach."""

    landlock: bool = True
    """Only the files below, the interpreter's and the system libraries' can be opened."""
    no_network: bool = True
    """No network namespace with devices, no sockets, no look into other processes."""
    readable: tuple[Path, ...] = ()
    """Files and folders beyond the interpreter's, for example the models."""
    writable: tuple[Path, ...] = ()
    """Folders, for example the scratch."""
    user: tuple[int, int] | None = None
    """User and group to become when started as root; `sandbox.user_for_workers` proposes one."""


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """How one worker process is started."""

    executable: str = sys.executable
    """The Python that runs it."""
    python_path: tuple[str, ...] = ()
    """Folders put in front of its `sys.path`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beyond the few that are handed on; never a secret."""
    threads: int = 1
    """Threads for the numeric libraries."""
    affinity: tuple[int, ...] = ()
    """Cores it may use; empty: those of the server."""
    nice: int = 5
    """Once it is loaded: above the server's, so that the server answers first."""
    oom_score_adj: int = 500
    """In a shared memory cgroup the kernel otherwise may pick the server."""
    max_open_files: int = 1024
    max_core_bytes: int = 0
    max_address_space_bytes: int = 0
    """0: no limit. CUDA cannot live under one."""
    scratch: Path | None = None
    """Its working folder, home and place for temporary files; readable and writable."""
    outboxes: Path | None = None
    """Where each worker gets a folder of its own for the files it hands over; None: it makes none."""
    arena: ArenaOptions = ArenaOptions()
    confinement: ConfinementOptions = ConfinementOptions()


@dataclass(frozen=True, kw_only=True)
class RetryOptions:
    """What a death costs the request that was being worked on."""

    soft_stop_s: float = 0.1
    """From the deadline to SIGKILL: a worker that stops between units of work in this time stays loaded."""
    max_attempts: int = 5
    """Dispatches of one request, when its workers die of causes from outside."""
    poison_deaths: int = 2
    """Deaths attributed to one input after which it is refused."""
    poison_s: float = 3600.0
    """Time after which a refused input is forgotten."""


@dataclass(frozen=True, kw_only=True)
class RestartOptions:
    """How often and how fast workers come back."""

    deaths: int = 5
    """Deaths before a first success …"""
    window_s: float = 60.0
    """… within this time open the breaker."""
    first_pause_s: float = 0.5
    """Pause after the first such death; doubles with each one."""
    longest_pause_s: float = 30.0
    open_s: float = 15.0
    """Time the breaker stays open before a trial; doubles with each failed trial, up to 8 times."""


@dataclass(frozen=True, kw_only=True)
class RecycleOptions:
    """When a worker is replaced though it still works."""

    max_requests: int = 0
    """After that many; 0: never."""
    max_age_s: float = 0.0
    """After that time; 0: never."""
    soft_rss_bytes: int = 0
    """Resident memory at which it is replaced without a gap; 0: no limit."""
    hard_rss_bytes: int = 0
    """Resident memory at which it is killed, before the kernel picks a victim; 0: no limit."""
    watch_leaks: bool = True
    """Whether a steady growth drains it."""
    drain_s: float = 60.0
    """Time to finish what it does."""


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """How one task is staffed."""

    devices: tuple[Device, ...] = (Device(),)
    """One worker per entry; name a device twice for two workers on it."""
    spares: int | None = 1
    """Loaded and idle, per device; 0 allowed. None: one, unless the device's memory cannot hold two."""
    worker: WorkerOptions = WorkerOptions()
    retry: RetryOptions = RetryOptions()
    restart: RestartOptions = RestartOptions()
    recycle: RecycleOptions = RecycleOptions()
    quiet_s: float = 120.0
    """Time without memory trouble after which a worker climbs one step of its ladder again."""
    canaries: bool = True
    """Whether idle and busy workers are checked by canaries; the one at load is always run."""
