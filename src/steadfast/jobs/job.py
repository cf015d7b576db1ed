"""What a job is: its states, its items, the steps it is cut into, and the attempts at them. Values only.

They are structs: a list makes hundreds of them, and a frozen dataclass takes ten times as long to make.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import msgspec


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # nothing of it has run since it was submitted, resumed or retried
    RUNNING = "running"  # steps of it have been leased
    PAUSED = "paused"  # nothing new of it is leased until it is resumed
    SUCCEEDED = "succeeded"  # every item has its result; perhaps degraded
    FAILED = "failed"  # it will not be finished, and says why
    CANCELLED = "cancelled"  # somebody took it back


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.PAUSED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    # The last step that ran when it was paused may finish or fail it.
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),  # retried: finished segments are kept
    JobState.CANCELLED: frozenset({JobState.QUEUED}),  # the same
}
"""From where to where. Every change is one conditional UPDATE that names the states it may start from."""

ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""Nothing happens any more unless somebody asks for it."""


def sources_of(target: JobState) -> frozenset[JobState]:
    """The states from which a job may become `target`."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)


class JobPriority(IntEnum):
    """How urgent a job is among jobs; a more urgent one gets the next worker that is free."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


class StepKind(StrEnum):
    """What a step does. In this order of names they are leased: who can finish an item does that first."""

    JOIN = "join"  # put the segments of an item together
    PLAN = "plan"  # look at the input once: how many frames, where to cut
    SEGMENT = "segment"  # do one run of frames, or one picture


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    LEASED = "leased"  # somebody works at it: owner, fencing token and expiry are in its row
    DONE = "done"  # its file lies in the blob store, its sum in the row
    FAILED = "failed"  # it failed as often as it may
    KEPT = "kept"  # it failed, and its frames stay as they were (`on_segment_failure = keep`)


class OnSegmentFailure(StrEnum):
    """What becomes of a job when one of its segments has failed as often as it may."""

    FAIL = "fail"  # the job fails with the cause
    KEEP = "keep"  # the original frames are kept, and the job ends degraded


class OnPinLost(StrEnum):
    """What becomes of a job that has begun when what it was begun with is gone (a model, a GPU)."""

    WAIT = "wait"  # until it is back
    RESTART = "restart"  # from the first segment, with what there is


class Fault(StrEnum):
    """To whom a failed attempt is booked."""

    STEP = "step"  # its own doing: counts
    OUTSIDE = "outside"  # a killed worker, a full disk, a stopped server: does not count


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """One input: a blob in the space of the job's key."""

    sha256: str
    size_bytes: int
    name: str = ""
    """As the client called it, without folders; for people and for the name of the result."""
    media_type: str = ""
    """As the client said; never believed."""


class ItemOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One result that is asked for."""

    target: InputFile
    """The picture or video to work on."""
    sources: tuple[InputFile, ...] = ()
    """What to put into it, in the order that the options count them."""
    name: str = ""
    """Name of the result, for people; empty: made from the target's."""


class JobOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is submitted."""

    owner: str
    """Id of the API key; empty where none is needed. Blobs, results and quotas are this key's alone."""
    task: str
    """Name of the task whose workers do it, for example `faces`."""
    items: tuple[ItemOrder, ...]
    """One for a picture or a video; targets x sources for a batch. Never empty."""
    options: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """The task's own options, as JSON can carry them; the worker checks them against its type."""
    priority: JobPriority = JobPriority.NORMAL
    on_segment_failure: OnSegmentFailure = OnSegmentFailure.FAIL
    on_pin_lost: OnPinLost = OnPinLost.WAIT
    segment_s: float = 4.0
    """About how long the segments of a video are."""
    callback_url: str = ""
    """Told of every change of state; empty: nobody."""
    expires_in_s: float | None = None
    """The job fails if it has not ended by then; None: never."""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Words of the client's, to find it again."""
    subject: str = ""
    """Opaque id of the person shown; everything of a subject can be purged."""
    fresh: bool = False
    """Whether to do it even if the same was done before."""
    keep_inputs_s: float | None = None
    """How long inputs are kept after the end; None: as the settings say."""
    keep_results_s: float | None = None
    """How long results are kept after the end; None: as the settings say."""


class JobFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed, as `SteadfastError.as_dict` says it."""

    code: str
    detail: str
    remedy: str


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What work took."""

    device_s: float = 0.0
    """Seconds a worker's place was held by it."""
    cpu_s: float = 0.0
    """User and system time of the worker."""
    frames: int = 0
    pixels: int = 0
    """Of the frames or pictures that were worked on."""
    faces: int = 0
    read_bytes: int = 0
    written_bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(
            device_s=self.device_s + other.device_s,
            cpu_s=self.cpu_s + other.cpu_s,
            frames=self.frames + other.frames,
            pixels=self.pixels + other.pixels,
            faces=self.faces + other.faces,
            read_bytes=self.read_bytes + other.read_bytes,
            written_bytes=self.written_bytes + other.written_bytes,
        )


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is."""

    frames_done: int = 0
    frames_total: int = 0
    """Of what is planned so far; 0: nothing is planned yet."""
    segments_done: int = 0
    segments_total: int = 0
    items_done: int = 0
    items_failed: int = 0
    items_total: int = 1
    share: float = 0.0
    """Of the whole, from 0 to 1: by frames where there is one item, else by items, each by its frames."""
    fps: float | None = None
    """Frames per second of late; None: not known."""
    left_s: float | None = None
    """Seconds it will probably take yet; None: too little is done to say so."""


class WaitsFor(msgspec.Struct, frozen=True, kw_only=True):
    """What a job waits for that nobody here can do."""

    capability: str
    """What a server must be able to do; empty: nothing but the job's task."""
    for_s: float | None
    """Since no server could; None: they are there, and take nothing."""
    detail: str
    """In a sentence, without the time."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands."""

    id: str
    """Sorts by time of submission."""
    order: JobOrder
    """`order.items` is empty where a list was asked for: see `Jobs.items`."""
    state: JobState
    degraded: tuple[str, ...] = ()
    """What was given up, in words; empty when nothing was."""
    held: str = ""
    """Why it waits although there may be workers (a pin that is lost, a full disk); empty: it does not."""
    capability: str = ""
    """What its workers must be able to do; empty: what all of its task can."""
    ready_steps: int = 0
    """Steps that nobody holds."""
    waits_for: WaitsFor | None = None
    """Set where those wait for a server that is not there."""
    failure: JobFailure | None = None
    pin: Mapping[str, str] | None = None
    """What it was begun with and is finished with (engine, model sums, encoder, …); None: not begun."""
    progress: Progress = Progress()
    cost: Cost = Cost()
    attempts: int = 0
    """Steps begun, all in all."""
    failed_attempts: int = 0
    """Those that were booked on the step."""
    incidents: tuple[str, ...] = ()
    """Ids of incidents that touched it."""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    inputs_gone_at: datetime | None = None
    """When its inputs were deleted."""
    results_gone_at: datetime | None = None
    """When its results were deleted."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing happens to it any more by itself."""
        return self.state in ENDED


class ResultFile(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an item: a blob in the space of the job's key."""

    sha256: str
    address: str
    """Where the blob lies: `blobs.blob.parse_address` reads it."""
    size_bytes: int
    media_type: str
    name: str
    """What a download is called."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a job as it stands."""

    number: int
    order: ItemOrder
    result: ResultFile | None = None
    """None: not done yet, failed, or deleted."""
    failure: JobFailure | None = None
    degraded: tuple[str, ...] = ()
    answered_from: str = ""
    """Id of the job whose finished result this is; empty: it was made for this one."""
    report: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the task tells of the result (frames, bad frames, faces, …)."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One leased unit of a job, as it stands."""

    job_id: str
    item: int
    kind: StepKind
    number: int
    """Of a segment, from 0; 0 for plan and join."""
    state: StepState
    brief: bytes = b""
    """What the task told itself about this part."""
    units: int = 0
    """Units of work in it: frames."""
    token: int = 0
    """Fencing token of its latest lease."""
    failures: int = 0
    """Attempts that were booked on it."""
    blob: str = ""
    """Address of its file, with its sum; empty: it is not done."""
    note: bytes = b""
    """What the task tells the join about this part."""


class AttemptOutcome(StrEnum):
    """How an attempt at a step ended."""

    DONE = "done"
    FAILED = "failed"  # booked on the step or on the outside: see `fault`
    GIVEN_BACK = "given_back"  # pause, cancel, a stop of the server
    LOST = "lost"  # its lease ran out, or its owner died


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a step, for the record."""

    item: int
    kind: StepKind
    number: int
    token: int
    owner: str
    """The incarnation of the server that held the lease."""
    worker: str
    """Who did it; empty where that was not learned."""
    outcome: AttemptOutcome
    fault: Fault | None
    code: str
    detail: str
    began_at: datetime
    ended_at: datetime
    cost: Cost
