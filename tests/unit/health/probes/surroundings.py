"""What probes look at in tests: a runtime that says what it is told to say, and a clock."""

from typing import Any

from tests.databases import Clock

from steadfast.health.probes.contract import Surroundings
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState

__all__ = ["Clock"]


def worker(name: str = "face_swap cpu:0", **changes: Any) -> WorkerSnapshot:
    """A healthy idle worker."""
    facts: dict[str, Any] = {
        "name": name,
        "pid": 4711,
        "state": WorkerState.READY,
        "slot": "cpu:0",
        "device": "cpu",
        "level": 0,
        "served": 0,
        "age_s": 100.0,
        "silent_s": 0.0,
        "rss_bytes": 200 << 20,
        "device_bytes": 0,
        "retiring": False,
        "confinement": {},
    }
    return WorkerSnapshot(**(facts | changes))


def pool(*workers: WorkerSnapshot, **changes: Any) -> PoolSnapshot:
    """A healthy idle task."""
    facts: dict[str, Any] = {
        "task": "face_swap",
        "ready": True,
        "why_not": "",
        "breaker": BreakerState.CLOSED,
        "waiting": 0,
        "busy": sum(one.state is WorkerState.BUSY for one in workers),
        "able": max(1, len(workers)),
        "places": max(1, len(workers)),
        "spares_ready": 1,
        "hangs_in_a_row": 0,
        "degraded": (),
        "poisoned": 0,
        "last_load_failure": "",
        "workers": workers,
    }
    return PoolSnapshot(**(facts | changes))


def snapshot(*pools: PoolSnapshot, stopping: bool = False) -> Snapshot:
    """All tasks."""
    return Snapshot(pools=pools, stopping=stopping)


class Hand:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self, seconds: float) -> None:
        """Time goes by."""
        self.now_s += seconds


def surroundings(*pools: PoolSnapshot, clock: Hand | None = None, **more: Any) -> Surroundings:
    """What a probe is given."""
    return Surroundings(snapshot=lambda: snapshot(*pools), clock=clock or Hand(), **more)
