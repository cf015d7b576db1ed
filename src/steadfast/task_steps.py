"""The steps of a durable job: what the server says to a task, and what the task answers.

A job is planned once, done in segments by any worker in any order, and joined. The server keeps all of it in
its database, so these are plain values; what only the task understands is bytes to the server (`brief`,
`note`). Inputs and results are files: a step reads the files it was given and writes into its own folder.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

MANIFEST = 1
"""Version of what tasks tell themselves in briefs and notes. Who changes what an older program would read
wrongly raises it: in a cluster, servers of the older version then leave plans of the newer one alone."""

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class Operation(StrEnum):
    """What a worker is asked to do with what it gets."""

    RUN = "run"  # one request, answered at once
    PLAN = "plan"  # look at a job's inputs and say where to cut
    SEGMENT = "segment"  # do one part of a job
    JOIN = "join"  # make the result of all parts


class PlannedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a job, as the plan cut it."""

    index: int
    """From 0, in the order of the result."""
    units: int
    """Units of work in it, for progress: frames of a video."""
    brief: bytes = b""
    """What the task told itself about this part; opaque to everybody else."""


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a job will be done: the answer to `Operation.PLAN`."""

    segments: tuple[PlannedSegment, ...]
    """Never empty."""
    pin: dict[str, str]
    """What would change the look of the rest if it changed: engine, model sums, encoder, threads."""
    suffix: str
    """Ending of the result's name, as `.mp4`."""
    content_type: str
    """Of the result."""
    brief: bytes = b""
    """What the task told itself about the join."""
    facts: dict[str, str | int | float | bool | None] = {}
    """About the inputs, for people: size, length, codec."""

    @property
    def units(self) -> int:
        """Of all segments."""
        return sum(segment.units for segment in self.segments)


class SegmentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One segment, to be done exactly as the plan says."""

    segment: PlannedSegment
    pin: dict[str, str]
    """That of the plan; a worker that cannot keep it raises `PinLost`."""
    untouched: bool = False
    """Whether the original is wanted instead: the segment failed too often and the user said `keep`."""
    sample: bool = False
    """Whether the quality of what is made is measured; what is made is the same."""


class SegmentDone(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a segment; its file is the only one of the answer."""

    units: int
    """Units that were done."""
    note: bytes = b""
    """What the task tells the join about this part."""
    report: dict[str, int | float | str] = {}
    """Counts for people and for the account: frames swapped, frames that kept their original."""
    readings: dict[str, float] = {}
    """Where it was sampled: how good it is, by the names of `readings.QualityReading`."""


class JoinOrder(msgspec.Struct, frozen=True, kw_only=True):
    """All segments are done: make one result of them."""

    pin: dict[str, str]
    """That of the plan."""
    notes: tuple[bytes, ...]
    """`SegmentDone.note` of every part, in order."""
    brief: bytes = b""
    """`JobPlan.brief`."""


class JoinDone(msgspec.Struct, frozen=True, kw_only=True):
    """The result; its file is the only one of the answer."""

    units: int
    """Units in it: frames of a video."""
    report: dict[str, int | float | str | list[str] | None] = {}
    """For people: what was done, and what is not as the input had it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Generic[OptionsT]):
    """A job as a step sees it."""

    options: OptionsT
    """The task's own options, already checked against their type."""
    inputs: tuple[Path, ...]
    """In the order in which the task asks for them. To be read, never to be changed."""
    folder: Path
    """Empty, and this step's own: the only place to write to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """What a step answers."""

    fields: msgspec.Struct
    """`JobPlan`, `SegmentDone` or `JoinDone`."""
    file: Path | None = None
    """What it made, directly in `Job.folder`; None: a plan."""
    cost: dict[str, float] = field(default_factory=dict)
    """`frames`, `faces`, `pixels`, `cpu_s`, `device_s`."""
    degraded: tuple[str, ...] = ()
    """What was given up, in words."""


class StepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a step travels to a worker."""

    options: msgspec.Raw
    """`Task.job_type`, encoded."""
    order: msgspec.Raw
    """`SegmentOrder` or `JoinOrder`, encoded; nothing for a plan."""
    inputs: tuple[str, ...]
    """Files of the job."""
    parts: tuple[str, ...] = ()
    """Of a join: the files of the segments, in order."""


def encoded(value: Any) -> msgspec.Raw:
    """`value` in msgpack, to be carried unopened."""
    return msgspec.Raw(msgspec.msgpack.encode(value))
