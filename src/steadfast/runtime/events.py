"""What the runtime states. Logs, metrics and incidents listen; nothing here knows of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from steadfast.events import Event, FrequentEvent
from steadfast.runtime.exit_reason import ExitReport, Fault
from steadfast.runtime.states import WorkerState
from steadfast.runtime.worker_log import Plain


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeEvent(Event):
    """Base: every one names its task."""

    task: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerStateChanged(RuntimeEvent):
    """A worker took one step of its state machine, other than to work and back (`WorkerTurned`)."""

    worker: str
    pid: int
    before: WorkerState | None
    """None: it has just been spawned."""
    after: WorkerState


class WorkerTurned(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """A worker took a dispatch, or is done with one: the step that comes twice with every request."""

    task: str
    worker: str
    after: WorkerState
    """BUSY, or READY again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerDied(RuntimeEvent):
    """A process ended, wanted or not."""

    worker: str
    report: ExitReport
    wanted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPrinted(RuntimeEvent):
    """A worker wrote to its standard output or error: anything, in pieces of any length."""

    worker: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLogged(RuntimeEvent):
    """A worker stated a fact or logged something; in the right shape, and for the rest to be doubted."""

    worker: str
    kind: str
    """The event's name."""
    severity: str
    """Level of a log record; empty: it said none."""
    fields: Mapping[str, Plain]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpareTookOver(RuntimeEvent):
    """A loaded spare stands in the place of a worker that died or was drained."""

    slot: str
    worker: str
    empty_s: float
    """For how long nobody stood there; 0: it was relieved without a gap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLoaded(RuntimeEvent):
    """A worker has its models in memory, for the first time or again, and its canary passed."""

    worker: str
    level: int
    """Step of the ladder that it stands at."""
    load_s: float
    is_first: bool
    """Whether it has just come up; else it loaded again."""
    request_s: float | None = None
    """About what a request takes, as far as its canary showed; None: it did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestRetried(RuntimeEvent):
    """A request whose worker died was started again on another one."""

    request_id: int
    attempt: int
    gap_ms: float
    """From the death to this start."""
    fault: Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class InputQuarantined(RuntimeEvent):
    """One input killed its workers, alone, as often as is allowed."""

    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SteppedDown(RuntimeEvent):
    """Memory ran out, so less is asked of the machine."""

    slot: str
    level: int
    rung: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SteppedUp(RuntimeEvent):
    """After a quiet time more is asked again, and the canary passed."""

    slot: str
    level: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerChanged(RuntimeEvent):
    """The task's breaker opened, tries, or closed."""

    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryChecked(RuntimeEvent):
    """An inference with a known answer came back."""

    worker: str
    passed: bool
    detail: str
    took_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerInvalid(RuntimeEvent):
    """A model answered what is no answer, NaN for example; it loads again, and the request is done again."""

    worker: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadFailed(RuntimeEvent):
    """A worker could not be loaded."""

    worker: str
    code: str
    detail: str
    trace: str = ""
    """Of an error that nobody declared: where it came from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairAsked(RuntimeEvent):
    """A task named a damaged model, and the repair that was wired in ran."""

    model: str
    repaired: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRetired(RuntimeEvent):
    """A working worker is to be replaced."""

    worker: str
    why: str
    leaks: bool = False
    """Whether that is because something in it grows without end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnexpectedError(RuntimeEvent):
    """A task raised what nobody declared: a bug, with its traceback."""

    worker: str
    request_id: int
    detail: str
    trace: str
