"""Everything that server and worker say to each other, as declared types in msgpack. Never pickle.

A worker parses hostile media, so the server trusts none of its words: what does not fit these types, or
points outside the arena, ends the worker (`KillReason.PROTOCOL`). Times named `_at_s` are CLOCK_MONOTONIC,
which all processes of a machine share.
"""

from pathlib import Path
from typing import TypeAlias

import msgspec

from steadfast.readings import Sampled
from steadfast.spans import SpanRecord
from steadfast.task import CanaryVerdict, OperatingPoint
from steadfast.task_steps import Operation

PROTOCOL_VERSION = 4
"""Said in `Hello`; server and worker of different versions part at once."""

MAX_MESSAGE_BYTES = 96 * 1024
"""One message is one packet of the socket; longer fields of an answer travel in the arena."""


class Slice(msgspec.Struct, frozen=True, array_like=True, tag="slice"):
    """Bytes in the arena of the worker that is spoken to or speaks."""

    offset: int
    length: int


class ServerFile(msgspec.Struct, frozen=True, array_like=True, tag="file"):
    """A file that the server chose; never a name that came from outside."""

    path: str


Place: TypeAlias = Slice | ServerFile


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way between processes; `failure.py` turns it to and from exceptions."""

    code: str
    """`SteadfastError.code`."""
    detail: str
    """One sentence for a person."""
    remedy: str = ""
    """What the reader can do."""
    model: str | None = None
    """The damaged model, where a task named one."""
    trace: str = ""
    """Python traceback of an error that nobody declared."""


# --- from the server ----------------------------------------------------------------------------------


class Said(msgspec.Struct, array_like=True, tag=True):
    """Base of all messages."""


class Setup(Said, kw_only=True):
    """The first message: what this process is and how it is confined."""

    title: str
    task_path: str
    task_config: msgspec.Raw
    python_path: tuple[str, ...] = ()
    """Folders put in front of `sys.path`."""
    arena_fd: int
    request_bytes: int
    """Size of the arena's first part, which the server writes."""
    answer_bytes: int
    """Size of its second part, which the worker writes."""
    prefault_bytes: int
    """How much of each part is made present beforehand."""
    nice: int
    affinity: tuple[int, ...]
    """Cores; empty: all that the server may use."""
    oom_score_adj: int
    max_open_files: int
    max_core_bytes: int
    max_address_space_bytes: int
    """0: no limit. CUDA cannot live under one."""
    uid: int
    """User to become, 0: stay as is. Only root can change."""
    gid: int
    readable: tuple[str, ...]
    """Files and folders the worker may read."""
    writable: tuple[str, ...]
    """Folders the worker may write."""
    outbox: str = ""
    """Its own folder for the files it hands over; empty: it makes none."""
    landlock: bool
    no_network: bool


class Load(Said):
    """Import the task and load it at this step of its ladder."""

    level: int


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One request of a dispatch."""

    request_id: int
    fields: msgspec.Raw
    blobs: list[Place]
    deadline_at_s: float
    operation: Operation = Operation.RUN
    """Anything but RUN: the blob is a `StepRequest`, and the fields say nothing."""
    traceparent: str = ""
    """W3C Trace Context of a request whose stages are wanted; empty: they are not."""


class Run(Said):
    """Do these; one, or a batch. Each is answered by `Finished` or `Failed`."""

    items: list[Item]


class Cancel(Said):
    """Stop this request at the next unit of work."""

    request_id: int


class Adjust(Said):
    """Load again at this step of the ladder and pass the canary. Answered by `Loaded` or `NotLoaded`."""

    level: int


class CheckCanary(Said):
    """Run the canary. Answered by `CanaryDone`."""


class ReleaseMemory(Said):
    """Give back caches. Answered by `Released`."""


class Retitle(Said):
    """Show this in `ps` from now on."""

    title: str


class Stop(Said):
    """Leave in order."""


ToWorker: TypeAlias = Setup | Load | Run | Cancel | Adjust | CheckCanary | ReleaseMemory | Retitle | Stop


# --- from the worker ----------------------------------------------------------------------------------


class Hello(Said):
    """The interpreter runs, and the confinement that could be had is in force."""

    version: int
    confinement: dict[str, str]
    """Measure → `on`, or why not."""


class Loaded(Said):
    """The task stands at this step, and its canary passed."""

    points: list[OperatingPoint]
    level: int
    canary: CanaryVerdict
    took_ms: float
    canary_ms: float
    device_bytes: int
    """Device memory it holds now that it is loaded."""


class NotLoaded(Said):
    """The task cannot stand at that step."""

    failure: Failure
    points: list[OperatingPoint]
    """Its ladder, if it came that far."""


class Progressed(Said):
    """Units of work are done."""

    request_id: int
    done: int
    total: int | None


class Finished(Said):
    """The answer to one request."""

    request_id: int
    fields: msgspec.Raw
    """The task's own answer, unless `fields_at` says where it lies."""
    fields_at: Slice | None
    """In the arena, where it is too long for a message."""
    blobs: list[Slice]
    took_ms: float
    cost: dict[str, float]
    degraded: tuple[str, ...]
    device_bytes: int
    file: str = ""
    """Name of the file in the worker's outbox that is part of the answer; empty: there is none."""
    spans: list[SpanRecord] = []
    """Stages of the work, where they were wanted."""
    is_sampled: bool = False
    """Whether the worker looks at this answer before it takes more work. Followed by `Measured`."""


class Measured(Said):
    """How good an answer is that was given already."""

    sampled: Sampled


class Failed(Said):
    """One request could not be answered; the worker lives on."""

    request_id: int
    failure: Failure


class CanaryDone(Said):
    """The verdict of a canary, and what it cost."""

    verdict: CanaryVerdict
    took_ms: float


class Released(Said):
    """Caches are given back."""


ToServer: TypeAlias = (
    Hello | Loaded | NotLoaded | Progressed | Finished | Measured | Failed | CanaryDone | Released
)

encode = msgspec.msgpack.Encoder().encode
decode_for_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_for_server = msgspec.msgpack.Decoder(ToServer).decode


def raw(value: object) -> msgspec.Raw:
    """`value` encoded once, to be carried in a message unopened."""
    return msgspec.Raw(encode(value))


def server_file(path: Path) -> ServerFile:
    """A reference to a file that the server chose."""
    return ServerFile(str(path))
