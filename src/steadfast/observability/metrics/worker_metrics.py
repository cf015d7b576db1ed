"""Workers: who stands where, who died of what, who took over, what a load costs."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.events import subscribe_to
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Counting
from steadfast.observability.metrics.labels import (
    MODEL,
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

FAMILIES: Final = (
    STARTS, DEATHS, RETIRED, TAKEOVER, LOADS, LOAD, MODEL_LOADS, MODEL_LOAD, LOAD_FAILURES, REPAIRS, CANARIES,
    STEPS, BREAKER_OPENED,
)  # fmt: skip


class WorkerMetrics(Counting):
    """Counts what becomes of workers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(FAMILIES, registry)
        self._replacements_due: Counter[str] = Counter()
        self._had: dict[str, set[str]] = {}
        """By worker that lives: the models that it has loaded."""

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answers end it."""
        at = self.at
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
            self.at(DEATHS, task, cause, "false")
        for why in ("start", "replacement", "again"):
            self.at(LOADS, task, why)
        for result in ("passed", "failed"):
            self.at(CANARIES, task, result)
        for direction in ("down", "up"):
            self.at(STEPS, task, direction)
        for family in (BREAKER_OPENED, TAKEOVER, RETIRED):
            self.at(family, task)

    def _changed(self, event: WorkerStateChanged) -> None:
        if event.before is None:
            self.at(STARTS, event.task).inc()

    def _died(self, event: WorkerDied) -> None:
        report = event.report
        cause = report.kill_reason.value if report.kill_reason is not None else report.cause.value
        self.at(DEATHS, event.task, cause, "true" if event.wanted else "false").inc()
        self._replacements_due[event.task] += 1
        self._had.pop(event.worker, None)

    def _loaded(self, event: WorkerLoaded) -> None:
        why = "start" if event.is_first else "again"
        if event.is_first and self._replacements_due[event.task]:
            self._replacements_due[event.task] -= 1
            why = "replacement"
        self.at(LOADS, event.task, why).inc()
        self.at(LOAD, event.task).observe(event.load_s)

    def _said(self, event: WorkerLogged) -> None:
        """A worker tells of its models; it is believed no more than a figure's worth."""
        if event.kind != "model_loaded":
            return
        model, load_s = str(event.fields.get("model", ""))[:80], event.fields.get("load_s")
        had = self._had.setdefault(event.worker, set())
        self.at(MODEL_LOADS, model, "again" if model in had else "first").inc()
        if len(had) < MODEL.bound:
            had.add(model)
        if isinstance(load_s, int | float) and 0 <= load_s < float("inf"):
            self.at(MODEL_LOAD, model).observe(load_s)

    def _breaker_changed(self, event: BreakerChanged) -> None:
        if event.state == BreakerState.OPEN.value:
            self.at(BREAKER_OPENED, event.task).inc()


def _passed(it: bool) -> str:
    return "passed" if it else "failed"
