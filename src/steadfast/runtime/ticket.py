"""One request on its way through the supervisor, and what comes out of it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from steadfast.media.sniff import HEAD_BYTES, sniff
from steadfast.runtime import poison
from steadfast.runtime.arena import Buffer
from steadfast.runtime.caller import CALLER, Caller
from steadfast.runtime.exit_reason import RequestShape
from steadfast.runtime.told_options import options_told
from steadfast.spans import SpanRecord
from steadfast.task_steps import Operation

if TYPE_CHECKING:
    from steadfast.runtime.deadlines import Deadlines
    from steadfast.runtime.slot import Slot

Payload: TypeAlias = Sequence[Buffer] | Path
"""One blob of a request: the pieces of it as they came from a socket, or a file."""

OnProgress: TypeAlias = Callable[[int, int | None], None]
"""Hears of units done, and of how many; called on the event loop."""

AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was carried out."""

    fields: bytes
    """The task's own answer, encoded."""
    blobs: tuple[bytes, ...]
    """Bytes of the answer; copies, so they outlive the worker."""
    degraded: tuple[str, ...]
    """What was given up, in words; empty when nothing was."""
    cost: dict[str, float]
    """What drove the time, as the task reported it."""
    worker: str
    """Who did it."""
    device_bytes: int = 0
    """Device memory that worker holds."""
    attempts: int
    """Dispatches it took; more than 1: a worker died under it."""
    waited_ms: float
    """From `submit` to the start of the dispatch that succeeded."""
    worked_ms: float
    """Inside the worker, in that dispatch."""
    started_at_s: float = 0.0
    """Start of that dispatch, on CLOCK_MONOTONIC; 0: not told."""
    spans: tuple[SpanRecord, ...] = ()
    """Stages of the work, where they were wanted."""

    def decode(self, kind: type[AnswerT]) -> AnswerT:
        """The task's own answer as the type it declared."""
        return msgspec.msgpack.decode(self.fields, type=kind)


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """A request and its history. Lives until its future is done and no worker has it any more."""

    id: int
    task: str
    fields: bytes
    caller: Caller = field(default_factory=CALLER.get)
    """For whom it is."""
    kind: type[msgspec.Struct] | None = None
    """What the fields were before they were encoded; it says which of them may be told."""
    blobs: tuple[Payload, ...]
    deadline_at_s: float
    arrived_at_s: float
    future: asyncio.Future[Outcome]
    deadlines: "Deadlines | None" = None
    """Where it is entered, to be ended when its time is over."""
    started_at_s: float = 0.0
    """Start of the latest dispatch."""
    died_at_s: float | None = None
    """When the worker that had it last died."""
    worker: str = ""
    """Who has it, or had it last."""
    attempts: int = 0
    mended: int = 0
    """Times it was tried again because its worker stepped down, reloaded or was repaired, and did not die."""
    alone: bool = False
    """It was in a worker that died, so it is not put into a batch again."""
    pinned: "Slot | None" = None
    """Only this place may have it: it has just stepped down for its sake."""
    operation: Operation = Operation.RUN
    """A step of a job is given to one worker once: whether it is tried again is for its owner to say."""
    deliver_to: Path | None = None
    """Where the file of the answer is moved; None: none is expected."""
    on_progress: OnProgress | None = None
    fingerprint: str | None = field(default=None)
    """Digest of task, options and content, once somebody needed it."""

    @property
    def done(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.done()

    @property
    def is_step(self) -> bool:
        """Whether it is a step of a job."""
        return self.operation is not Operation.RUN

    @property
    def payload_bytes(self) -> int:
        """What it takes of an arena, to whole cache lines."""
        return sum([-(-_size_of(blob) // 64) * 64 for blob in self.blobs if not isinstance(blob, Path)])

    def effort(self, now_s: float) -> dict[str, float | str]:
        """What was spent on it until now, in the words of a log."""
        if not self.attempts:
            return {"queue_ms": round((now_s - self.arrived_at_s) * 1000.0, 3)}
        worked_ms = round((now_s - self.started_at_s) * 1000.0, 3)
        return {
            "worker": self.worker,
            "attempts": self.attempts,
            "queue_ms": round((self.started_at_s - self.arrived_at_s) * 1000.0, 3),
            "infer_ms": worked_ms,
            "worked_ms": worked_ms,
        }

    def outline(self) -> poison.Outline:
        """What the poison register knows it by before its content is read."""
        sizes = tuple(_file_size(blob) if isinstance(blob, Path) else _size_of(blob) for blob in self.blobs)
        return poison.Outline(self.task, self.fields, sizes)

    def shape(self, now_s: float) -> RequestShape:
        """What may be told of it."""
        return RequestShape(
            id=self.id,
            request_id=self.caller.request_id,
            job_id=self.caller.job_id,
            part_bytes=tuple(
                _file_size(blob) if isinstance(blob, Path) else _size_of(blob) for blob in self.blobs
            ),
            part_formats=tuple(sniff(_head_of(blob)).value for blob in self.blobs),
            options=options_told(self.fields, self.kind),
            attempts=self.attempts,
            worked_ms=(now_s - self.started_at_s) * 1000.0,
        )

    @property
    def carries_files(self) -> bool:
        """Whether reading its content means reading a disk."""
        return any(isinstance(blob, Path) for blob in self.blobs)

    def take_fingerprint(self) -> str:
        """Its digest, taken once. Reads every byte: not on the event loop when it is large."""
        if self.fingerprint is None:
            self.fingerprint = poison.fingerprint(self.outline(), self.blobs)
        return self.fingerprint

    def fail(self, error: BaseException) -> None:
        """Ends it with an error, if anybody still waits."""
        self.ring_no_more()
        if not self.future.done():
            self.future.set_exception(error)

    def succeed(self, outcome: Outcome) -> None:
        """Ends it with its answer, if anybody still waits."""
        self.ring_no_more()
        if not self.future.done():
            self.future.set_result(outcome)

    def ring_no_more(self) -> None:
        """Its deadline concerns nobody any more."""
        if self.deadlines is not None:
            self.deadlines.remove(self)
            self.deadlines = None


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _head_of(blob: Payload) -> bytes:
    """Its first bytes: enough to know what kind of file it is."""
    if isinstance(blob, Path):
        try:
            with blob.open("rb") as file:
                return file.read(HEAD_BYTES)
        except OSError:
            return b""
    return b"".join(bytes(part[:HEAD_BYTES]) for part in blob[:4])[:HEAD_BYTES]


def _size_of(parts: Sequence[Buffer]) -> int:
    if len(parts) == 1 and isinstance(parts[0], bytes):  # the usual small request
        return len(parts[0])
    return sum(part.nbytes if isinstance(part, memoryview) else len(part) for part in parts)
