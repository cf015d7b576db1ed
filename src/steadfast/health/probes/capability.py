"""Probes of what the service is for: whether each task can be done, proved by work that was done, and at
what price in workers."""

from collections.abc import Iterable

from steadfast.health.probes.contract import Probe, Surroundings
from steadfast.health.readings import Level, Sample, Status, Thresholds
from steadfast.health.work_record import WorkRecord

_RESTARTS_WITHIN_S = 600.0


class TaskProof(Probe):
    """How long ago a task last gave a good answer, to a request or to a canary."""

    name = "task_proof"
    level = Level.CAPABILITY
    unit = "s"
    # A canary is due after 30 s of idleness, and a worker that is busy all the time finishes something.
    thresholds = Thresholds(warning=120, error=300)
    is_instant = True

    def __init__(self, surroundings: Surroundings, record: WorkRecord) -> None:
        self._snapshot = surroundings.snapshot
        self._clock = surroundings.clock
        self._record = record

    def take(self) -> Iterable[Sample]:
        """One value per task."""
        return [self._sample(pool.task, pool.ready) for pool in self._snapshot().pools]

    def _sample(self, task: str, is_ready: bool) -> Sample:
        record = self._record.task(task)
        if record.last_good_at_s is None:
            # A start may take long; that it does not come to its end is told by loads that fail.
            return Sample(subject=task, status=Status.OK if is_ready else Status.DISABLED, note="nothing yet")
        age_s = self._clock() - record.last_good_at_s
        proof = "a canary" if record.last_good_was_canary else "a request"
        return Sample(value=age_s, subject=task, note=f"last proved by {proof}")


class TaskAnswer(Probe):
    """Whether the last inference with a known answer was right."""

    name = "task_answer"
    level = Level.CAPABILITY
    is_instant = True
    is_watched = False  # the event makes the incident, at once

    def __init__(self, record: WorkRecord) -> None:
        self._record = record

    def take(self) -> Iterable[Sample]:
        """1 or 0 per task."""
        return [
            Sample(
                value=None if record.canary_passed is None else float(record.canary_passed),
                subject=task,
                status=Status.ERROR if record.canary_passed is False else Status.OK,
                note="the last canary was wrong" if record.canary_passed is False else "",
            )
            for task, record in self._record.tasks.items()
        ]


class TaskReady(Probe):
    """Whether the next request would be answered, as the runtime judges it by finished work."""

    name = "task_ready"
    level = Level.CAPABILITY
    is_instant = True
    is_watched = False  # readiness is asked by others, and answered from the same snapshot

    def __init__(self, surroundings: Surroundings) -> None:
        self._snapshot = surroundings.snapshot

    def take(self) -> Iterable[Sample]:
        """1 or 0 per task."""
        return [
            Sample(
                value=float(pool.ready),
                subject=pool.task,
                status=Status.OK if pool.ready else Status.ERROR,
                note=pool.why_not,
            )
            for pool in self._snapshot().pools
        ]


class WorkerRestarts(Probe):
    """How many workers of a task had to be replaced in the last ten minutes because they died."""

    name = "worker_restarts"
    level = Level.PROCESS
    unit = "in 10 minutes"
    thresholds = Thresholds(warning=5, error=30)
    is_instant = True
    is_watched = False  # every death is an incident already; the breaker and the budget act upon them

    def __init__(self, surroundings: Surroundings, record: WorkRecord) -> None:
        self._clock = surroundings.clock
        self._record = record

    def take(self) -> Iterable[Sample]:
        """One value per task."""
        since_s = self._clock() - _RESTARTS_WITHIN_S
        return [
            Sample(value=float(sum(at_s > since_s for at_s in record.deaths_at_s)), subject=task)
            for task, record in self._record.tasks.items()
        ]


class TaskSlowness(Probe):
    """How long work takes against its own baseline, size by size; 1 is as usual."""

    name = "task_slowness"
    level = Level.CAPABILITY
    unit = "times the usual"
    thresholds = Thresholds(warning=2.0)
    is_instant = True
    is_watched = False  # the detector's own policy looks size by size

    def __init__(self, record: WorkRecord) -> None:
        self._record = record

    def take(self) -> Iterable[Sample]:
        """One value per task, once enough was seen."""
        return [Sample(value=record.slowness, subject=task) for task, record in self._record.tasks.items()]


def capability_probes(surroundings: Surroundings, record: WorkRecord) -> list[Probe]:
    """All of this file."""
    return [
        TaskReady(surroundings),
        TaskProof(surroundings, record),
        TaskAnswer(record),
        TaskSlowness(record),
        WorkerRestarts(surroundings, record),
    ]
