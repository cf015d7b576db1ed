"""What the supervisor knows at one moment, as plain values for probes, metrics and people."""

from dataclasses import dataclass

from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.caller import Caller
from steadfast.runtime.states import WorkerState


@dataclass(frozen=True, kw_only=True)
class WorkerSnapshot:
    """One worker."""

    name: str
    pid: int
    state: WorkerState
    slot: str | None
    """Its place; None: a spare, or on its way."""
    device: str
    level: int
    """Step of the ladder; 0 is the best."""
    served: int
    age_s: float
    silent_s: float
    """Since it last finished a unit of work, or came up."""
    rss_bytes: int
    device_bytes: int
    retiring: bool
    confinement: dict[str, str]
    """Measure → `on`, `off`, or why it could not be had."""
    requests: tuple[int, ...] = ()
    callers: tuple[Caller, ...] = ()
    """What it is working on, by the numbers that `abort` takes."""


@dataclass(frozen=True, kw_only=True)
class PoolSnapshot:
    """One task."""

    task: str
    ready: bool
    """Judged by finished work: whether a request sent now would be answered."""
    why_not: str
    """Empty when it is ready."""
    breaker: BreakerState
    waiting: int
    """Requests without a worker."""
    busy: int
    """Workers at work."""
    able: int
    """Workers in a place that have shown that they work."""
    at_once: int = 0
    """Requests that they can be given together: one each, or a batch."""
    places: int
    spares_ready: int
    hangs_in_a_row: int
    """Hangs since something was last answered."""
    degraded: tuple[str, ...]
    """What answers of some place give up now."""
    poisoned: int
    """Inputs that are refused."""
    last_load_failure: str
    workers: tuple[WorkerSnapshot, ...]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All tasks."""

    pools: tuple[PoolSnapshot, ...]
    stopping: bool

    def pool(self, task: str) -> PoolSnapshot:
        """The one of `task`. Raises `KeyError`."""
        for pool in self.pools:
            if pool.task == task:
                return pool
        raise KeyError(task)
