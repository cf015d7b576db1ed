"""Requests: how many, what became of them, how long they took and where."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.admission.arrival import Priority
from steadfast.admission.events import Refusal, RequestRefused, RequestShed
from steadfast.events import subscribe_to
from steadfast.jobs.events import StepFinished
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Counting, Series
from steadfast.observability.metrics.labels import (
    ENGINE,
    OUTCOME,
    PRIORITY,
    SECONDS_OF_REQUESTS,
    SIZE_CLASS,
    TASK,
)
from steadfast.observability.requests import RequestEnded, RequestOutcome
from steadfast.runtime.events import InputQuarantined, RequestRetried, UnexpectedError
from steadfast.runtime.exit_reason import Fault

_STAGE_NAMES: Final = ("receive", "queue", "decode", "inference", "encode")
_STAGE: Final = Label(
    name="stage",
    meaning="`receive` (its bytes came), `queue` (it waited), `decode`, `inference`, `encode`.",
    values=frozenset(_STAGE_NAMES),
)
_REASON: Final = Label(
    name="reason",
    meaning="`rate_of_key`, `rate_of_address`, `queue_full`, `too_late`, `displaced`, `hopeless`, `closed`.",
    values=words_of(Refusal),
)
_FAULT: Final = Label(
    name="fault", meaning="What the death was booked on: `input` or `outside`.", values=words_of(Fault)
)

REQUESTS: Final = Family(
    name="steadfast_requests_total",
    kind=Kind.COUNTER,
    meaning="Requests for work that are over; the submission of a job is one.",
    labels=(TASK, OUTCOME, ENGINE),
)
DURATION: Final = Family(
    name="steadfast_request_duration_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the headers of a request to the last byte of its answer, without submissions of jobs.",
    labels=(TASK, OUTCOME, ENGINE, SIZE_CLASS),
    buckets=SECONDS_OF_REQUESTS,
)
STAGES: Final = Family(
    name="steadfast_request_stage_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Time of answered requests by stage.",
    labels=(TASK, _STAGE),
    buckets=(0.001, *SECONDS_OF_REQUESTS),
)
FIRST_FRAME: Final = Family(
    name="steadfast_first_frame_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the arrival of a request or the start of a job's work to its first finished frame.",
    labels=(TASK, ENGINE),
    buckets=SECONDS_OF_REQUESTS,
)
FRAMES: Final = Family(
    name="steadfast_frames_processed_total",
    kind=Kind.COUNTER,
    meaning="Pictures and frames of videos that were worked on, those of jobs under no engine.",
    labels=(TASK, ENGINE),
)
FACES_FOUND: Final = Family(
    name="steadfast_faces_found_total", kind=Kind.COUNTER, meaning="Faces found.", labels=(TASK,)
)
FACES_SWAPPED: Final = Family(
    name="steadfast_faces_swapped_total", kind=Kind.COUNTER, meaning="Faces exchanged.", labels=(TASK,)
)
BYTES_IN: Final = Family(
    name="steadfast_request_received_bytes_total",
    kind=Kind.COUNTER,
    meaning="Bytes of the bodies of answered requests.",
    labels=(TASK,),
)
REFUSED: Final = Family(
    name="steadfast_requests_refused_total",
    kind=Kind.COUNTER,
    meaning="Requests turned away at the door: `rate_of_…` is the client's rate, all else is ours.",
    labels=(TASK, PRIORITY, _REASON),
)
SHED: Final = Family(
    name="steadfast_requests_shed_total",
    kind=Kind.COUNTER,
    meaning="Requests that waited and were sent away.",
    labels=(TASK, PRIORITY, _REASON),
)
RETRIES: Final = Family(
    name="steadfast_request_retries_total",
    kind=Kind.COUNTER,
    meaning="Requests started again because their worker died.",
    labels=(TASK, _FAULT),
)
QUARANTINED: Final = Family(
    name="steadfast_inputs_quarantined_total",
    kind=Kind.COUNTER,
    meaning="Inputs that killed their workers and are refused.",
    labels=(TASK,),
)
UNEXPECTED: Final = Family(
    name="steadfast_unexpected_errors_total",
    kind=Kind.COUNTER,
    meaning="Errors of a task that nobody declared: bugs.",
    labels=(TASK,),
)
PREDICTED: Final = Family(
    name="steadfast_predicted_work_seconds_total",
    kind=Kind.COUNTER,
    meaning="Time in a worker as admission foretold it, of answered requests that had to wait.",
    labels=(TASK,),
)
ACTUAL: Final = Family(
    name="steadfast_actual_work_seconds_total",
    kind=Kind.COUNTER,
    meaning="Time in a worker as it turned out, of the same requests.",
    labels=(TASK,),
)
IDENTITY: Final = Family(
    name="steadfast_identity_similarity",
    kind=Kind.HISTOGRAM,
    meaning="Similarity of the worst swapped face of an answer to its source, in the engine's own space.",
    labels=(ENGINE,),
    buckets=(0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0),
)

FAMILIES: Final = (
    REQUESTS, DURATION, STAGES, FIRST_FRAME, FRAMES, FACES_FOUND, FACES_SWAPPED, BYTES_IN, REFUSED, SHED,
    RETRIES, QUARANTINED, UNEXPECTED, PREDICTED, ACTUAL, IDENTITY,
)  # fmt: skip

_ANSWERED: Final = frozenset({RequestOutcome.OK.value, RequestOutcome.DEGRADED.value})


class _Answered:
    """The series that answered requests of one task and engine count into, found once."""

    __slots__ = (
        "actual",
        "first_frame",
        "found",
        "frames",
        "identity",
        "predicted",
        "received",
        "stages",
        "swapped",
    )

    def __init__(self, at: Callable[..., Series], task: str, engine: str) -> None:
        self.stages = tuple(at(STAGES, task, stage) for stage in _STAGE_NAMES)
        self.frames = at(FRAMES, task, engine)
        self.first_frame = at(FIRST_FRAME, task, engine)
        self.found = at(FACES_FOUND, task)
        self.swapped = at(FACES_SWAPPED, task)
        self.identity = at(IDENTITY, engine)
        self.received = at(BYTES_IN, task)
        self.predicted = at(PREDICTED, task)
        self.actual = at(ACTUAL, task)


class RequestMetrics(Counting):
    """Counts what becomes of requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(FAMILIES, registry)
        self._requests, self._duration = self._instruments[REQUESTS], self._instruments[DURATION]
        self._answered: dict[tuple[str, str], _Answered] = {}

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answers end it."""
        at = self.at
        return [
            subscribe_to(RequestEnded, self._ended),
            subscribe_to(
                RequestRefused, lambda e: at(REFUSED, e.task, e.priority.value, e.reason.value).inc()
            ),
            subscribe_to(RequestShed, lambda e: at(SHED, e.task, e.priority.value, e.reason.value).inc()),
            subscribe_to(RequestRetried, lambda e: at(RETRIES, e.task, e.fault.value).inc()),
            subscribe_to(InputQuarantined, lambda e: at(QUARANTINED, e.task).inc()),
            subscribe_to(StepFinished, self._step_finished),
            subscribe_to(UnexpectedError, lambda e: at(UNEXPECTED, e.task).inc()),
        ]

    def meet(self, task: str) -> None:
        """Begins the counters of a task at 0: what appears at 1 is no increase to whoever watches."""
        for outcome in RequestOutcome:
            self.at(REQUESTS, task, outcome.value, "")
        for reason in Refusal:
            for family in (REFUSED, SHED):
                self.at(family, task, Priority.INTERACTIVE.value, reason.value)
        for fault in Fault:
            self.at(RETRIES, task, fault.value)
        self.at(QUARANTINED, task)
        self.at(UNEXPECTED, task)

    def _ended(self, ended: RequestEnded) -> None:
        outcome = ended.outcome.value
        task, engine = ended.task, ended.engine
        self._requests.at(task, outcome, engine).inc()
        if ended.is_submission:
            self.at(BYTES_IN, task).inc(ended.bytes_in)
            return
        trace_id = ended.trace_id if ended.traceparent else ""
        exemplar = {"trace_id": trace_id} if trace_id else None
        self._duration.at(task, outcome, engine, ended.size_class.value).observe(ended.took_s, exemplar)
        if outcome in _ANSWERED:
            self._count_answer(ended)

    def _step_finished(self, event: StepFinished) -> None:
        """Work of jobs is work too; which engine did it stands with the job."""
        if event.cost.frames:
            self.at(FRAMES, event.task, "").inc(event.cost.frames)
            self.at(FACES_FOUND, event.task).inc(event.cost.faces)

    def _count_answer(self, ended: RequestEnded) -> None:
        series = self._answered.get((ended.task, ended.engine))
        if series is None:
            series = _Answered(self.at, ended.task, ended.engine)
            if len(self._answered) < TASK.bound * ENGINE.bound:
                self._answered[ended.task, ended.engine] = series
        receive, queue, decode, inference, encode = series.stages
        receive.observe(ended.receive_s)
        queue.observe(ended.queue_s)
        decode.observe(ended.decode_s)
        inference.observe(ended.inference_s)
        encode.observe(ended.encode_s)
        series.received.inc(ended.bytes_in)
        if ended.predicted_s is not None:
            series.predicted.inc(ended.predicted_s)
            series.actual.inc(ended.worked_s)
        if ended.frames:
            _count_frames(ended, series)


def _count_frames(ended: RequestEnded, series: _Answered) -> None:
    series.frames.inc(ended.frames)
    series.first_frame.observe(ended.took_s)
    if ended.faces:
        series.found.inc(ended.faces)
        series.swapped.inc(ended.swapped)
    if ended.identity is not None:
        series.identity.observe(ended.identity)
