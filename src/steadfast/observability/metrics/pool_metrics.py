"""How the pools stand: places, workers, what they use; read from a snapshot at each scrape."""

import os
from collections.abc import Callable, Iterator
from typing import Final

from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Read, Readings, Sample
from steadfast.observability.metrics.labels import PLACE, TASK
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState

_STATE: Final = Label(name="state", meaning="Of a worker's life.", values=words_of(WorkerState))
_BREAKER: Final = Label(
    name="state", meaning="`closed`, `open` or `half_open`.", values=words_of(BreakerState)
)

READY: Final = Family(
    name="steadfast_task_ready",
    kind=Kind.GAUGE,
    meaning="1: a request sent now would be answered.",
    labels=(TASK,),
)
WAITING: Final = Family(
    name="steadfast_task_waiting",
    kind=Kind.GAUGE,
    meaning="Admitted requests that no worker has yet.",
    labels=(TASK,),
)
BUSY: Final = Family(
    name="steadfast_task_busy_workers", kind=Kind.GAUGE, meaning="Workers at work.", labels=(TASK,)
)
ABLE: Final = Family(
    name="steadfast_task_able_workers",
    kind=Kind.GAUGE,
    meaning="Workers in a place that have shown that they work.",
    labels=(TASK,),
)
PLACES: Final = Family(
    name="steadfast_task_wanted_workers", kind=Kind.GAUGE, meaning="Places to be filled.", labels=(TASK,)
)
SPARES: Final = Family(
    name="steadfast_task_spares_ready", kind=Kind.GAUGE, meaning="Loaded and idle spares.", labels=(TASK,)
)
POISONED: Final = Family(
    name="steadfast_task_poisoned_inputs",
    kind=Kind.GAUGE,
    meaning="Inputs that are refused now.",
    labels=(TASK,),
)
BREAKER: Final = Family(
    name="steadfast_breaker_state",
    kind=Kind.GAUGE,
    meaning="1 for the state that the task's breaker is in.",
    labels=(TASK, _BREAKER),
)
STATES: Final = Family(
    name="steadfast_workers", kind=Kind.GAUGE, meaning="Workers by state.", labels=(TASK, _STATE)
)
LEVEL: Final = Family(
    name="steadfast_degradation_level",
    kind=Kind.GAUGE,
    meaning="Step of the ladder that a worker stands at; 0 gives nothing up.",
    labels=(TASK, PLACE),
)
RESIDENT: Final = Family(
    name="steadfast_worker_resident_memory_bytes",
    kind=Kind.GAUGE,
    meaning="Resident memory of a worker.",
    labels=(TASK, PLACE),
)
DEVICE_BYTES: Final = Family(
    name="steadfast_worker_device_memory_bytes",
    kind=Kind.GAUGE,
    meaning="Device memory that a worker says it holds.",
    labels=(TASK, PLACE),
)
CPU: Final = Family(
    name="steadfast_worker_cpu_seconds_total",
    kind=Kind.COUNTER,
    meaning="Processor time of the workers of a place, those that are gone among them.",
    labels=(TASK, PLACE),
)

_POOL_GAUGES: Final[dict[Family, Callable[[PoolSnapshot], int]]] = {
    READY: lambda pool: int(pool.ready),
    WAITING: lambda pool: pool.waiting,
    BUSY: lambda pool: pool.busy,
    ABLE: lambda pool: pool.able,
    PLACES: lambda pool: pool.places,
    SPARES: lambda pool: pool.spares_ready,
    POISONED: lambda pool: pool.poisoned,
}
_WORKER_GAUGES: Final[dict[Family, Callable[[WorkerSnapshot], int]]] = {
    LEVEL: lambda worker: worker.level,
    RESIDENT: lambda worker: worker.rss_bytes,
    DEVICE_BYTES: lambda worker: worker.device_bytes,
}
FAMILIES: Final = (*_POOL_GAUGES, BREAKER, STATES, *_WORKER_GAUGES, CPU)


def pool_readings(snapshot: Callable[[], Snapshot]) -> Readings:
    """How the pools stand, asked at each scrape."""
    sources: dict[Family, Read] = {}
    for family, of_pool in _POOL_GAUGES.items():
        sources[family] = lambda read=of_pool: [  # type: ignore[misc]
            ((pool.task,), float(read(pool))) for pool in snapshot().pools
        ]
    for family, of_worker in _WORKER_GAUGES.items():
        sources[family] = lambda read=of_worker: [  # type: ignore[misc]
            ((task, place), float(read(worker))) for task, place, worker in placed(snapshot())
        ]
    sources[BREAKER] = lambda: [
        ((pool.task, state.value), float(pool.breaker is state))
        for pool in snapshot().pools
        for state in BreakerState
    ]
    sources[STATES] = lambda: [
        ((pool.task, worker.state.value), 1.0) for pool in snapshot().pools for worker in pool.workers
    ]
    sources[CPU] = CpuMeter(snapshot).read
    return Readings(sources)


def placed(snapshot: Snapshot) -> Iterator[tuple[str, str, WorkerSnapshot]]:
    """Task, place and worker; a name that stays when the worker is replaced."""
    for pool in snapshot.pools:
        spares = 0
        for worker in pool.workers:
            if worker.slot is None:
                yield pool.task, f"spare:{spares}", worker
                spares += 1
            else:
                yield pool.task, worker.slot, worker


class CpuMeter:
    """Processor time per place, summed over the workers that stood there."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], cpu_s: "Callable[[int], float] | None" = None
    ) -> None:
        self._snapshot = snapshot
        self._cpu_s = cpu_s or process_cpu_s
        self._of_process: dict[int, float] = {}
        self._of_place: dict[tuple[str, str], float] = {}

    def read(self) -> list[Sample]:
        """What was used since the start, as far as somebody looked before a worker died."""
        seen: dict[int, float] = {}
        for task, place, worker in placed(self._snapshot()):
            used_s = self._cpu_s(worker.pid)
            grown_s = max(0.0, used_s - self._of_process.get(worker.pid, 0.0))
            self._of_place[task, place] = self._of_place.get((task, place), 0.0) + grown_s
            seen[worker.pid] = max(used_s, self._of_process.get(worker.pid, 0.0))
        self._of_process = seen
        return list(self._of_place.items())


_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def process_cpu_s(pid: int) -> float:
    """User and system time of a process; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123 — asked often
            # The name in parentheses may hold anything, a parenthesis too.
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    except (OSError, IndexError, ValueError):
        return 0.0
