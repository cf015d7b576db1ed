"""One word for everything, and why: healthy, degraded, unhealthy; starting is not failing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from steadfast.errors import Severity
from steadfast.health.incidents import Incident
from steadfast.health.readings import Reading, Status
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot
from steadfast.runtime.states import WorkerState

_BAD = frozenset({Status.WARNING, Status.ERROR, Status.UNKNOWN})


class Word(StrEnum):
    """How the service is."""

    STARTING = "starting"  # it has not been ready yet, and nothing has failed for good
    HEALTHY = "healthy"  # it can do its job
    DEGRADED = "degraded"  # it can do its job, but something is not as it should be
    UNHEALTHY = "unhealthy"  # it cannot do its job
    STOPPING = "stopping"  # it was told to end


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The word and its reasons."""

    word: Word
    reasons: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = field(default=())
    """While starting."""

    @property
    def can_serve(self) -> bool:
        """Whether to send requests here."""
        return self.word in (Word.HEALTHY, Word.DEGRADED)


class Judge:
    """Remembers whether each task has ever been ready; that parts starting from failing."""

    def __init__(self, *, needs_tasks: bool = True) -> None:
        """`needs_tasks`: whether a server without any task serves nothing; one that takes jobs has none."""
        self._needs_tasks = needs_tasks
        self._has_been_ready: set[str] = set()

    def verdict(
        self,
        snapshot: Snapshot,
        readings: Sequence[Reading] = (),
        incidents: Sequence[Incident] = (),
    ) -> Verdict:
        """Judged from what is cached: costs microseconds."""
        self._has_been_ready |= {pool.task for pool in snapshot.pools if pool.ready}
        if snapshot.stopping:
            return Verdict(word=Word.STOPPING, reasons=("the service is stopping",))
        waiting = [pool for pool in snapshot.pools if not pool.ready]
        if waiting or (self._needs_tasks and not snapshot.pools):
            return self._not_ready(waiting)
        fatal = [_said(reading) for reading in readings if reading.status is Status.FATAL]
        if fatal:
            return Verdict(word=Word.UNHEALTHY, reasons=tuple(fatal))
        reasons = [
            f"{pool.task} gives up: {', '.join(pool.degraded)}" for pool in snapshot.pools if pool.degraded
        ]
        reasons += [_said(reading) for reading in readings if reading.status in _BAD]
        reasons += [f"{one.kind} of {one.subject}" for one in incidents if one.severity is not Severity.INFO]
        return Verdict(word=Word.DEGRADED if reasons else Word.HEALTHY, reasons=tuple(dict.fromkeys(reasons)))

    def _not_ready(self, waiting: Sequence[PoolSnapshot]) -> Verdict:
        told = tuple(f"{pool.task}: {pool.why_not}" for pool in waiting) or ("tasks",)
        is_starting = all(
            pool.task not in self._has_been_ready
            and pool.breaker is BreakerState.CLOSED
            and not pool.last_load_failure
            for pool in waiting
        )
        if is_starting:
            waits_for = tuple(map(_waited_for, waiting)) or told
            return Verdict(word=Word.STARTING, reasons=told, waits_for=waits_for)
        return Verdict(word=Word.UNHEALTHY, reasons=told)


def _waited_for(pool: PoolSnapshot) -> str:
    """What a task that starts still needs."""
    coming = sum(worker.state in (WorkerState.STARTING, WorkerState.LOADING) for worker in pool.workers)
    if pool.able:
        return f"{pool.task}: {pool.why_not}"
    return f"{pool.task}: models to be loaded by a worker ({coming} loading, {pool.places} wanted)"


def _said(reading: Reading) -> str:
    about = f" of {reading.subject}" if reading.subject else ""
    return f"{reading.probe}{about} is {reading.status.value}"
