"""What the jobs state. Metrics, webhooks, streams, logs and incidents listen; nothing here knows of them."""

from dataclasses import dataclass

from steadfast.events import Event, FrequentEvent
from steadfast.jobs.job import Cost, Fault, JobPriority, JobState, Progress, StepKind


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEvent(Event):
    """Base: every one names its job."""

    job_id: str
    owner: str
    """Id of the API key whose job it is."""
    task: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSubmitted(JobEvent):
    """A job is recorded and will be finished, or will say why not."""

    items: int
    input_bytes: int
    priority: JobPriority


@dataclass(frozen=True, kw_only=True, slots=True)
class JobStateChanged(JobEvent):
    """A job took one step of its state machine; published after the commit, so it is true."""

    event_id: int
    """Of the row in the job's history: increasing, what `Last-Event-ID` names."""
    before: JobState
    after: JobState
    code: str = ""
    """Of the error, where it failed."""
    degraded: bool = False
    took_s: float | None = None
    """From submission to the end, where it ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLost(JobEvent):
    """An accepted job is gone though nobody deleted it, or its files are; the ledger notices."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobHeld(JobEvent):
    """A job waits for something other than a worker, or (`why` empty) waits no longer."""

    why: str


class FlowWoken(FrequentEvent, frozen=True, kw_only=True, gc=False):
    """Jobs at a priority may have steps to be done now, by workers with that capability."""

    task: str
    capability: str
    priority: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted(JobEvent):
    """A lease was taken."""

    item: int
    kind: StepKind
    number: int
    token: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFinished(JobEvent):
    """A step is done and its file is safe."""

    item: int
    kind: StepKind
    number: int
    cost: Cost
    worker: str
    took_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFailed(JobEvent):
    """An attempt failed; `is_last`: there will be no other."""

    item: int
    kind: StepKind
    number: int
    fault: Fault
    code: str
    detail: str
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentRedone(JobEvent):
    """The file of a finished segment was damaged or gone, so it is done again."""

    item: int
    number: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseLost(JobEvent):
    """A late owner's write was refused, or a lease ran out."""

    item: int
    kind: StepKind
    number: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgressed(JobEvent):
    """How far it is; stated a few times a second at most."""

    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class IntakePaused(Event):
    """No new job is taken (`why`), or (empty) jobs are taken again."""

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkUnserved(Event):
    """Steps have waited for a while that no server can do."""

    capability: str
    """What a server must be able to do; `any`: nothing special."""
    steps: int
    waited_s: float
    why: str
    """Who could do it and is not there, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkServed(Event):
    """What was said to be unserved is not any more: somebody came, or nothing waits."""

    capability: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CallbackTried(JobEvent):
    """A webhook was called, or refused to be."""

    attempt: int
    outcome: str
    """`delivered`, `refused`, `given_up`; `waiting`: it failed and is tried again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilesDeleted(JobEvent):
    """Files of a job were deleted: their time was over, or everything of a subject was to go."""

    what: str
    """`inputs` or `results`."""
    files: int
    bytes: int
    reason: str
    """`retention` or `purge`."""
