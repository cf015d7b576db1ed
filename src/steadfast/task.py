"""The contract of a task: what the server may know of it, and what a worker can ask of it.

Two sides meet here. The server holds a `TaskSpec`, plain data with the dotted path of a class that it never
imports. A worker imports that class, a `Task`, and calls it. Between them go a small struct of the task's
own type (`Request.fields`, `Response.fields`; declared with msgspec, versioned by the task) and blobs.

Import-light on purpose: the server imports this module, so it knows no numpy, no picture and no model.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from steadfast.errors import InvalidOption, SteadfastError
from steadfast.readings import Sampled
from steadfast.task_steps import Job, JoinOrder, SegmentOrder, StepResult

Blob = memoryview | Path
"""Bytes of a request: a view into shared memory that is valid during the call, or a file the server chose."""


class Rung(StrEnum):
    """The remedies against too little memory, mildest first."""

    FULL = "full"  # nothing was given up
    RELEASED_CACHES = "released_caches"  # caches and arenas are emptied after each run
    SMALLER_BATCH = "smaller_batch"
    SMALLER_SIDE = "smaller_side"
    LOWER_PRECISION = "lower_precision"
    NEXT_PROVIDER = "next_provider"
    CPU = "cpu"


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a task's ladder: how much it asks of the machine."""

    rung: Rung = Rung.FULL
    """What was given up last to get here."""
    batch: int = 1
    """Requests run together at most."""
    max_side_px: int = 0
    """Longest side that is worked at; 0: the task's own choice."""
    precision: str = ""
    """`fp32`, `fp16` or `int8`; empty: the task's own choice."""
    provider: str = ""
    """Execution provider by the name that settings use; empty: the task's own choice."""
    degraded: tuple[str, ...] = ()
    """What the answer must confess, in words; empty where the result is as good as ever."""


class CanaryVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of an inference whose answer is known."""

    passed: bool
    """Whether the answer was the known one."""
    detail: str = ""
    """What was expected and what came instead; empty when it passed."""
    request_s: float | None = None
    """About what the smallest request takes, as far as that was seen on the way; None: it was not."""


FieldsT = TypeVar("FieldsT", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Generic[FieldsT]):
    """What a worker is asked to do."""

    fields: FieldsT
    """The task's own request, already checked against its type."""
    blobs: tuple[Blob, ...] = ()
    """The bytes to work on, in the order in which the server sent them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What a worker answers."""

    fields: msgspec.Struct
    """The task's own answer."""
    blobs: tuple[bytes | bytearray | memoryview, ...] = ()
    """Bytes to send back; copied out at once, so the task may reuse the memory."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """What drove the time it took (`pixels`, `faces`, `tokens`): the prediction of waits learns from it."""
    degraded: tuple[str, ...] = ()
    """What this answer gave up beyond the operating point, for example a second-best engine."""
    afterwards: Callable[[], Sampled] | None = None
    """Looks at how good the answer is, once it is out: whoever waits for it does not wait for that. What it
    raises costs the readings and nothing else. None: this one is not sampled."""


class Progress(Protocol):
    """States finished units of work; it is the only heartbeat that counts."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Reports `done` units of `total`.

        Raises `RequestCancelled` or `DeadlineExceeded` when the work should stop here: let it pass through.
        """


class Task(ABC, Generic[FieldsT]):
    """One kind of work, in a worker. It may take the process down; nothing else is harmed."""

    request_type: ClassVar[type[msgspec.Struct]]
    """Type of `Request.fields`; what does not fit it is refused before `run`."""
    job_type: ClassVar[type[msgspec.Struct] | None] = None
    """Type of `Job.options`; None: this task does no jobs."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Keeps `config`, the plain data of `TaskSpec.config`. Touches no model."""
        self.config = config

    def operating_points(self) -> Sequence[OperatingPoint]:
        """The ladder, best first; never empty."""
        return (OperatingPoint(),)

    @abstractmethod
    def load(self, point: OperatingPoint) -> None:
        """Makes ready to run at `point`; called again to change the point or to reload after wrong answers.

        Raises `ModelDamaged` with the model's name when a file is corrupt: the server has it repaired.
        """

    def validate(self, request: Request[FieldsT]) -> None:
        """Refuses, cheaply and before any of a batch is run, what cannot be served (`CallerError`)."""

    @abstractmethod
    def run(self, request: Request[FieldsT], progress: Progress) -> Response:
        """Does the work. Raises what `steadfast.errors` declares; anything else counts as our bug."""

    def run_batch(
        self, requests: Sequence[Request[FieldsT]], progress: Progress
    ) -> Sequence[Response | SteadfastError]:
        """One answer per request, in order; tasks that gain from it override this and declare `max_batch`."""
        return [self._answer_or_error(request, progress) for request in requests]

    def _answer_or_error(self, request: Request[FieldsT], progress: Progress) -> Response | SteadfastError:
        try:
            return self.run(request, progress)
        except SteadfastError as error:
            return error

    # --- jobs: only asked of tasks that declare `job_type` ----------------------------------------------

    def plan(self, job: Job[Any], progress: Progress) -> StepResult:  # noqa: ARG002 — a default
        """Looks at the inputs once and says where to cut (`JobPlan`); writes nothing."""
        raise InvalidOption("This task does no jobs.")

    def run_segment(self, job: Job[Any], order: SegmentOrder, progress: Progress) -> StepResult:  # noqa: ARG002
        """Does one segment (`SegmentDone`) into one file.

        The same order makes the same bytes, in whichever worker and after whatever happened before. Raises
        `PinLost` where this worker cannot keep what the job pinned.
        """
        raise InvalidOption("This task does no jobs.")

    def join(self, job: Job[Any], order: JoinOrder, parts: Sequence[Path], progress: Progress) -> StepResult:  # noqa: ARG002
        """Makes the result (`JoinDone`) of all segments, in order, without doing their work again."""
        raise InvalidOption("This task does no jobs.")

    @abstractmethod
    def canary(self) -> CanaryVerdict:
        """Runs one tiny inference whose answer is known."""

    def release_memory(self) -> None:
        """Gives back caches and arenas; what is loaded stays loaded."""

    def device_memory_bytes(self) -> int:
        """Device memory held by this process; 0 where it is not known or there is no device."""
        return 0


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """What the server knows of a task without importing it."""

    name: str
    """Name in requests, events and titles of processes, for example `face_swap`."""
    path: str
    """`module:Class` of the `Task`, imported by workers only."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Plain data (what msgpack can carry) for the class, as it is when a worker is started; no secret."""
    deadline_s: float = 30.0
    """Time allowed to a request that brings no deadline of its own."""
    stall_s: float = 20.0
    """Silence of a running unit of work after which it counts as hung."""
    load_s: float = 120.0
    """Time allowed to import, load and pass the canary."""
    canary_s: float = 20.0
    """Time allowed to a canary."""
    canary_every_s: float = 30.0
    """Idle time after which a canary is due."""
    canary_floor_s: float = 300.0
    """Time after which one is due under load too."""
    max_batch: int = 1
    """Requests that may be handed to one worker together; 1: the task gains nothing from batches."""
    batch_wait_ms: float = 0.0
    """How long a request may wait for company."""
