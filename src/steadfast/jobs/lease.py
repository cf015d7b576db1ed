"""A lease: the right, for a while, to do one step, and everything that is needed to do it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from steadfast.blobs.blob import BlobAddress
from steadfast.jobs.job import InputFile, JobPriority, OnPinLost, OnSegmentFailure, StepKind
from steadfast.jobs.rows import space_of


@dataclass(frozen=True, kw_only=True, slots=True)
class StepKey:
    """Which step."""

    job_id: str
    item: int
    kind: StepKind
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The file of a finished segment."""

    number: int
    address: str
    note: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """Held by one incarnation; what it writes is refused once `token` is not the step's latest any more."""

    key: StepKey
    token: int
    owner: str
    """Id of the API key whose job it is."""
    task: str
    options: Mapping[str, Any]
    priority: JobPriority
    on_segment_failure: OnSegmentFailure
    on_pin_lost: OnPinLost
    segment_s: float
    fresh: bool
    pin: Mapping[str, str] | None
    target: InputFile
    sources: tuple[InputFile, ...]
    identity: str
    """Of input and options: segments lie under it."""
    item_brief: bytes
    """What the plan told the join."""
    brief: bytes
    """What the plan told this segment."""
    units: int
    untouched: bool
    """Whether the original is wanted: it failed too often, and the job keeps what was there."""
    failures: int
    """Attempts that were booked on it before this one."""
    parts: tuple[Part, ...]
    """Of a join."""
    leased_at: datetime
    traceparent: str = ""
    """Of the trace in which it was submitted; empty: none."""

    @property
    def job_id(self) -> str:
        """Of the job."""
        return self.key.job_id

    def input_address(self, file: InputFile) -> BlobAddress:
        """Where an input lies."""
        return BlobAddress(space=space_of(self.owner), sha256=file.sha256)

    @property
    def segment_role(self) -> str:
        """What a segment's file is to its job; by item, since two items may have the same segments."""
        return segment_role(self.key.item)


def segment_role(item: int) -> str:
    """Under which role the segments of an item are referred to."""
    return f"segment-{item}"
