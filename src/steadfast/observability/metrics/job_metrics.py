"""Jobs: how they stand, how long they take, what is done twice, how old the last safe step is."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.events import subscribe_to
from steadfast.jobs.census import OPEN_STATES
from steadfast.jobs.events import (
    JobLost,
    JobProgressed,
    JobStateChanged,
    JobSubmitted,
    LeaseLost,
    SegmentRedone,
    StepFailed,
    StepFinished,
    StepStarted,
)
from steadfast.jobs.job import Fault, JobState, StepKind
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Counting, Readings, Sample
from steadfast.observability.metrics.labels import SECONDS_OF_JOBS, SECONDS_OF_REQUESTS, TASK

_STATE: Final = Label(name="state", meaning="Of a job's life.", values=words_of(JobState))
_STEP: Final = Label(name="step", meaning="`plan`, `segment`, `join`, …", values=words_of(StepKind))
_FAULT: Final = Label(name="fault", meaning="What the failure was booked on.", values=words_of(Fault))

SUBMITTED: Final = Family(
    name="steadfast_jobs_submitted_total", kind=Kind.COUNTER, meaning="Jobs recorded.", labels=(TASK,)
)
LOST: Final = Family(
    name="steadfast_jobs_lost_total",
    kind=Kind.COUNTER,
    meaning="Accepted jobs that vanished without an end, or whose files did; the ledger notices.",
    labels=(TASK,),
)
ENDED: Final = Family(
    name="steadfast_jobs_ended_total",
    kind=Kind.COUNTER,
    meaning="Jobs that came to an end, by the state they ended in.",
    labels=(TASK, _STATE),
)
DURATION: Final = Family(
    name="steadfast_job_duration_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the submission of a job to its end.",
    labels=(TASK, _STATE),
    buckets=SECONDS_OF_JOBS,
)
STEPS: Final = Family(
    name="steadfast_job_steps_total",
    kind=Kind.COUNTER,
    meaning="Steps of jobs that are done and whose files are safe.",
    labels=(TASK, _STEP),
)
STEP_FAILURES: Final = Family(
    name="steadfast_job_step_failures_total",
    kind=Kind.COUNTER,
    meaning="Attempts at a step that failed.",
    labels=(TASK, _STEP, _FAULT),
)
STEP_TIME: Final = Family(
    name="steadfast_job_step_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Time of a step that was finished.",
    labels=(TASK, _STEP),
    buckets=SECONDS_OF_JOBS,
)
REDONE: Final = Family(
    name="steadfast_job_segments_redone_total",
    kind=Kind.COUNTER,
    meaning="Finished segments that had to be done again, because their file was damaged or gone.",
    labels=(TASK,),
)
LEASES_LOST: Final = Family(
    name="steadfast_job_leases_lost_total",
    kind=Kind.COUNTER,
    meaning="Leases that ran out, and writes of late owners that were refused.",
    labels=(TASK, _STEP),
)
FRAMES: Final = Family(
    name="steadfast_job_frames_total",
    kind=Kind.COUNTER,
    meaning="Frames in finished segments of jobs.",
    labels=(TASK,),
)
DEVICE_TIME: Final = Family(
    name="steadfast_job_device_seconds_total",
    kind=Kind.COUNTER,
    meaning="Time on accelerators that finished steps took.",
    labels=(TASK,),
)
FIRST_FRAME: Final = Family(
    name="steadfast_job_first_frame_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the moment a job runs to its first finished frame.",
    labels=(TASK,),
    buckets=SECONDS_OF_REQUESTS,
)

JOBS: Final = Family(
    name="steadfast_jobs", kind=Kind.GAUGE, meaning="Jobs that are not over, by state.", labels=(_STATE,)
)
CHECKPOINT_AGE: Final = Family(
    name="steadfast_job_checkpoint_age_seconds",
    kind=Kind.GAUGE,
    meaning="Of the running job that has gone longest without finishing a step or a frame: since its last.",
)

_EVENTS: Final = (
    SUBMITTED, LOST, ENDED, DURATION, STEPS, STEP_FAILURES, STEP_TIME, REDONE, LEASES_LOST, FRAMES,
    DEVICE_TIME, FIRST_FRAME,
)  # fmt: skip
FAMILIES: Final = (*_EVENTS, JOBS, CHECKPOINT_AGE)

_OVER: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class _Running:
    """A job that runs: when it began, and when something of it was last finished."""

    __slots__ = ("began_s", "frames", "latest_s")

    def __init__(self, now_s: float) -> None:
        self.began_s = self.latest_s = now_s
        self.frames = 0


class JobMetrics(Counting):
    """Counts what becomes of jobs."""

    def __init__(self, registry: CollectorRegistry, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(_EVENTS, registry)
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self.counts: Mapping[str, int] = {}
        """Jobs by state as the store last told; whoever asks it sets this."""
        registry.register(
            Readings(
                {
                    JOBS: self._by_state,
                    CHECKPOINT_AGE: lambda: [((), self._oldest_s())],
                }
            )
        )

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answers end it."""
        at = self.at
        return [
            subscribe_to(JobSubmitted, lambda e: at(SUBMITTED, e.task).inc()),
            subscribe_to(JobStateChanged, self._changed),
            subscribe_to(JobProgressed, self._progressed),
            subscribe_to(StepStarted, self._step_started),
            subscribe_to(StepFinished, self._step_finished),
            subscribe_to(StepFailed, lambda e: at(STEP_FAILURES, e.task, e.kind.value, e.fault.value).inc()),
            subscribe_to(JobLost, lambda e: at(LOST, e.task).inc()),
            subscribe_to(SegmentRedone, lambda e: at(REDONE, e.task).inc()),
            subscribe_to(LeaseLost, lambda e: at(LEASES_LOST, e.task, e.kind.value).inc()),
        ]

    def meet(self, task: str) -> None:
        """Begins the counters of a task at 0: what appears at 1 is no increase to whoever watches."""
        for state in _OVER:
            self.at(ENDED, task, state.value)
            self.at(DURATION, task, state.value)
        for step in StepKind:
            self.at(STEPS, task, step.value)
            self.at(STEP_TIME, task, step.value)
            self.at(LEASES_LOST, task, step.value)
            for fault in Fault:
                self.at(STEP_FAILURES, task, step.value, fault.value)
        for family in (SUBMITTED, LOST, REDONE, FRAMES, DEVICE_TIME, FIRST_FRAME):
            self.at(family, task)

    def _changed(self, event: JobStateChanged) -> None:
        if event.after is JobState.RUNNING:
            self._running.setdefault(event.job_id, _Running(self._clock()))
        else:
            self._running.pop(event.job_id, None)
        if event.after in _OVER:
            self.at(ENDED, event.task, event.after.value).inc()
            if event.took_s is not None:
                self.at(DURATION, event.task, event.after.value).observe(event.took_s)

    def _progressed(self, event: JobProgressed) -> None:
        running = self._running.get(event.job_id)
        frames = event.progress.frames_done
        if running is None or frames <= running.frames:
            return
        self._note_frames(event.task, running, frames)

    def _note_frames(self, task: str, running: _Running, frames: int) -> None:
        running.latest_s = self._clock()
        if not running.frames:
            self.at(FIRST_FRAME, task).observe(running.latest_s - running.began_s)
        running.frames = max(running.frames, frames)

    def _step_started(self, event: StepStarted) -> None:
        # A job that ran under the server before this one goes on without a change of its state.
        self._running.setdefault(event.job_id, _Running(self._clock()))

    def _step_finished(self, event: StepFinished) -> None:
        self.at(STEPS, event.task, event.kind.value).inc()
        self.at(STEP_TIME, event.task, event.kind.value).observe(event.took_s)
        self.at(FRAMES, event.task).inc(event.cost.frames)
        self.at(DEVICE_TIME, event.task).inc(event.cost.device_s)
        running = self._running.get(event.job_id)
        if running is not None and event.cost.frames:  # a short step may be over before any progress is told
            self._note_frames(event.task, running, event.cost.frames)
        elif running is not None:
            running.latest_s = self._clock()

    def _by_state(self) -> list[Sample]:
        return [((state.value,), float(self.counts.get(state.value, 0))) for state in OPEN_STATES]

    def _oldest_s(self) -> float:
        now_s = self._clock()
        return max((now_s - running.latest_s for running in self._running.values()), default=0.0)
