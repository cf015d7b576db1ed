"""Workers: who stands where, who died of what, who took over, what a load costs."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.events import subscribe_to
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Instrument, Read, Readings, Sample, Series
from steadfast.observability.metrics.labels import (
    MODEL,
    PLACE,
    SECONDS_OF_LOADS,
    SECONDS_OF_TAKEOVERS,
    TASK,
)
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.events import (
    BreakerChanged,
    CanaryChecked,
    LoadFailed,
    RepairAsked,
    SpareTookOver,
    SteppedDown,
    SteppedUp,
    WorkerDied,
    WorkerLoaded,
    WorkerLogged,
    WorkerRetired,
    WorkerStateChanged,
)
from steadfast.runtime.exit_reason import Cause, KillReason
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState

DEATH_CAUSES: Final = words_of(Cause) | words_of(KillReason)
_CAUSE: Final = Label(
    name="cause",
    meaning="`exited`, `signalled`, `out_of_memory` (the kernel's), or why we killed it: `deadline`, "
    "`stall`, `load_timeout`, `canary_timeout`, `memory_limit`, …",
    values=DEATH_CAUSES,
)
_WANTED: Final = Label(
    name="wanted", meaning="`true`: it was told to go.", values=frozenset({"true", "false"})
)
_STATE: Final = Label(name="state", meaning="Of a worker's life.", values=words_of(WorkerState))
_BREAKER: Final = Label(
    name="state", meaning="`closed`, `open` or `half_open`.", values=words_of(BreakerState)
)
_RESULT: Final = Label(name="result", meaning="`passed` or `failed`.", values=frozenset({"passed", "failed"}))
_DIRECTION: Final = Label(name="direction", meaning="`down` or `up`.", values=frozenset({"down", "up"}))
_WHY: Final = Label(
    name="why",
    meaning="`start`, `replacement` (of one that died or was retired), or `again` (by a worker that stood "
    "already: a step of the ladder, or a wrong answer).",
    values=frozenset({"start", "replacement", "again"}),
)
_WHICH: Final = Label(
    name="which",
    meaning="`first`, or `again`: the same worker had it before and gave it up.",
    values=frozenset({"first", "again"}),
)
_CODE: Final = Label(name="code", meaning="Of the error.", most=30)

STARTS: Final = Family(
    name="steadfast_worker_starts_total", kind=Kind.COUNTER, meaning="Workers started.", labels=(TASK,)
)
DEATHS: Final = Family(
    name="steadfast_worker_deaths_total",
    kind=Kind.COUNTER,
    meaning="Worker processes that ended.",
    labels=(TASK, _CAUSE, _WANTED),
)
RETIRED: Final = Family(
    name="steadfast_workers_retired_total",
    kind=Kind.COUNTER,
    meaning="Workers replaced without a gap: for their age, their memory, or because somebody asked.",
    labels=(TASK,),
)
TAKEOVER: Final = Family(
    name="steadfast_takeover_seconds",
    kind=Kind.HISTOGRAM,
    meaning="For how long a place stood empty until another worker served there.",
    labels=(TASK,),
    buckets=SECONDS_OF_TAKEOVERS,
)
LOADS: Final = Family(
    name="steadfast_worker_loads_total",
    kind=Kind.COUNTER,
    meaning="Times that a worker loaded all it needs and passed its canary.",
    labels=(TASK, _WHY),
)
LOAD: Final = Family(
    name="steadfast_worker_load_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Time to load all that a worker needs.",
    labels=(TASK,),
    buckets=SECONDS_OF_LOADS,
)
MODEL_LOADS: Final = Family(
    name="steadfast_model_loads_total",
    kind=Kind.COUNTER,
    meaning="Times that a worker loaded this model.",
    labels=(MODEL, _WHICH),
)
MODEL_LOAD: Final = Family(
    name="steadfast_model_load_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Time to load this model.",
    labels=(MODEL,),
    buckets=(0.01, 0.05, *SECONDS_OF_LOADS),
)
LOAD_FAILURES: Final = Family(
    name="steadfast_worker_load_failures_total",
    kind=Kind.COUNTER,
    meaning="Times that a worker could not load.",
    labels=(TASK, _CODE),
)
REPAIRS: Final = Family(
    name="steadfast_model_repairs_total",
    kind=Kind.COUNTER,
    meaning="Damaged models that were fetched again (`passed`), or could not be (`failed`).",
    labels=(MODEL, _RESULT),
)
CANARIES: Final = Family(
    name="steadfast_canary_checks_total",
    kind=Kind.COUNTER,
    meaning="Inferences with a known answer.",
    labels=(TASK, _RESULT),
)
STEPS: Final = Family(
    name="steadfast_degradation_steps_total",
    kind=Kind.COUNTER,
    meaning="Steps on the ladder of what is asked of the machine.",
    labels=(TASK, _DIRECTION),
)
BREAKER_OPENED: Final = Family(
    name="steadfast_breaker_opened_total",
    kind=Kind.COUNTER,
    meaning="Times that a task was paused because its workers died before they served.",
    labels=(TASK,),
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

_EVENTS: Final = (
    STARTS, DEATHS, RETIRED, TAKEOVER, LOADS, LOAD, MODEL_LOADS, MODEL_LOAD, LOAD_FAILURES, REPAIRS, CANARIES,
    STEPS, BREAKER_OPENED,
)  # fmt: skip
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
FAMILIES: Final = (*_EVENTS, *_POOL_GAUGES, BREAKER, STATES, *_WORKER_GAUGES, CPU)


class WorkerMetrics:
    """Counts what becomes of workers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._by_family = {family: Instrument(family, registry) for family in _EVENTS}
        self._replacements_due: Counter[str] = Counter()
        self._had: dict[str, set[str]] = {}
        """By worker that lives: the models that it has loaded."""

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answers end it."""
        at = self._at
        return [
            subscribe_to(WorkerStateChanged, self._changed),
            subscribe_to(WorkerDied, self._died),
            subscribe_to(WorkerRetired, lambda e: at(RETIRED, e.task).inc()),
            subscribe_to(SpareTookOver, lambda e: at(TAKEOVER, e.task).observe(e.empty_s)),
            subscribe_to(WorkerLoaded, self._loaded),
            subscribe_to(WorkerLogged, self._said),
            subscribe_to(LoadFailed, lambda e: at(LOAD_FAILURES, e.task, e.code).inc()),
            subscribe_to(RepairAsked, lambda e: at(REPAIRS, e.model, _passed(e.repaired)).inc()),
            subscribe_to(CanaryChecked, lambda e: at(CANARIES, e.task, _passed(e.passed)).inc()),
            subscribe_to(SteppedDown, lambda e: at(STEPS, e.task, "down").inc()),
            subscribe_to(SteppedUp, lambda e: at(STEPS, e.task, "up").inc()),
            subscribe_to(BreakerChanged, self._breaker_changed),
        ]

    def meet(self, task: str) -> None:
        """Begins the counters of a task at 0: what appears at 1 is no increase to whoever watches."""
        for cause in DEATH_CAUSES:
            self._at(DEATHS, task, cause, "false")
        for why in ("start", "replacement", "again"):
            self._at(LOADS, task, why)
        for result in ("passed", "failed"):
            self._at(CANARIES, task, result)
        for direction in ("down", "up"):
            self._at(STEPS, task, direction)
        for family in (BREAKER_OPENED, TAKEOVER, RETIRED):
            self._at(family, task)

    def _at(self, family: Family, *values: str) -> Series:
        return self._by_family[family].at(*values)

    def _changed(self, event: WorkerStateChanged) -> None:
        if event.before is None:
            self._at(STARTS, event.task).inc()

    def _died(self, event: WorkerDied) -> None:
        report = event.report
        cause = report.kill_reason.value if report.kill_reason is not None else report.cause.value
        self._at(DEATHS, event.task, cause, "true" if event.wanted else "false").inc()
        self._replacements_due[event.task] += 1
        self._had.pop(event.worker, None)

    def _loaded(self, event: WorkerLoaded) -> None:
        why = "start" if event.is_first else "again"
        if event.is_first and self._replacements_due[event.task]:
            self._replacements_due[event.task] -= 1
            why = "replacement"
        self._at(LOADS, event.task, why).inc()
        self._at(LOAD, event.task).observe(event.load_s)

    def _said(self, event: WorkerLogged) -> None:
        """A worker tells of its models; it is believed no more than a figure's worth."""
        if event.kind != "model_loaded":
            return
        model, load_s = str(event.fields.get("model", ""))[:80], event.fields.get("load_s")
        had = self._had.setdefault(event.worker, set())
        self._at(MODEL_LOADS, model, "again" if model in had else "first").inc()
        if len(had) < MODEL.bound:
            had.add(model)
        if isinstance(load_s, int | float) and 0 <= load_s < float("inf"):
            self._at(MODEL_LOAD, model).observe(load_s)

    def _breaker_changed(self, event: BreakerChanged) -> None:
        if event.state == BreakerState.OPEN.value:
            self._at(BREAKER_OPENED, event.task).inc()


def worker_readings(snapshot: Callable[[], Snapshot]) -> Readings:
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


def _passed(it: bool) -> str:
    return "passed" if it else "failed"
