"""What the scheduler asks of workers: plan an item, do a segment, join segments.

The real one goes through the runtime (`jobs.runtime_work`); `InMemoryWork` is its twin. Inputs are read where
they lie; a file that was made belongs to whoever asked, who moves or removes it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from steadfast.errors import PinLost
from steadfast.task_steps import JobPlan, JoinDone, JoinOrder, PlannedSegment, SegmentDone, SegmentOrder

OnProgress: TypeAlias = Callable[[int, int | None], None]
"""Called with finished units (frames) and how many there are; this is what renews the lease."""

FieldsT = TypeVar("FieldsT", JobPlan, SegmentDone, JoinDone)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepJob:
    """What every step of an item is told."""

    job_id: str
    key: str
    """Whose it is, for the record."""
    task: str
    options: Mapping[str, Any]
    """The task's own, as JSON had them."""
    target: Path
    sources: tuple[Path, ...] = ()
    segment_s: float = 4.0
    """About how long segments are to be; only a plan needs it."""
    traceparent: str = ""
    """Of the trace that the job belongs to; empty: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made(Generic[FieldsT]):
    """A step that was carried out."""

    fields: FieldsT
    file: Path | None = None
    """What was made; None: a plan."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """As the task reported it: `frames`, `faces`, `pixels`, `cpu_s`, `device_s`."""
    degraded: tuple[str, ...] = ()
    """What was given up, in words."""
    worker: str = ""
    worked_s: float = 0.0
    """How long a worker was held."""


class JobWork(Protocol):
    """The three questions. Each raises what `steadfast.errors` declares; `faults` says whose fault it is.

    Cancelling the call stops the worker: at its next frame, or by force shortly after. `PinLost` says that
    the pin cannot be kept here now.
    """

    async def plan(self, job: StepJob, on_progress: OnProgress) -> Made[JobPlan]:
        """Looks at the inputs."""

    async def run_segment(
        self, job: StepJob, order: SegmentOrder, on_progress: OnProgress
    ) -> Made[SegmentDone]:
        """Does one segment: the same order makes the same bytes, whoever does it."""

    async def join(
        self, job: StepJob, order: JoinOrder, parts: Sequence[Path], on_progress: OnProgress
    ) -> Made[JoinDone]:
        """Makes one result of the parts, in order, without doing their work again."""

    def places(self, task: str) -> int:
        """How many steps could be worked on at once now; 0: the task has no worker that works."""


class InMemoryWork:
    """Segments that are bytes of the target, in this process; for tests of what stands above.

    A target of n bytes is a video of n frames; the file of a segment is its bytes in capitals. `faults` maps
    (`plan`, `segment`, `keep` or `join`, target's content, number) to errors that are raised, one per call.
    """

    def __init__(self, folder: Path, *, units_per_segment: int = 4, places: int = 2) -> None:
        """`folder` is where outputs are written."""
        self._folder = folder
        self._units = units_per_segment
        self._made = 0
        self.number_of_places = places
        self.pin = {"engine": "memory", "model:capitals": "00"}
        """What there is now; a job that is pinned to something else cannot be done."""
        self.faults: dict[tuple[str, str, int], list[BaseException]] = {}
        self.calls: list[tuple[str, str, int]] = []
        """Kind, content and number of every step that was begun, in order."""
        self.gate: asyncio.Event | None = None
        """Where set, segments wait for it, so that a test can look at them while they run."""

    async def plan(self, job: StepJob, on_progress: OnProgress) -> Made[JobPlan]:
        """Cuts the bytes into runs."""
        self._enter("plan", job, 0)
        size = job.target.stat().st_size
        on_progress(1, 1)
        segments = tuple(
            PlannedSegment(index=index, units=min(self._units, size - first), brief=first.to_bytes(8, "big"))
            for index, first in enumerate(range(0, max(1, size), self._units))
        )
        plan = JobPlan(segments=segments, pin=self.pin, suffix=".txt", content_type="text/plain")
        return Made(fields=plan, worker="memory-0")

    async def run_segment(
        self, job: StepJob, order: SegmentOrder, on_progress: OnProgress
    ) -> Made[SegmentDone]:
        """Writes capitals, or what was there."""
        self._enter("keep" if order.untouched else "segment", job, order.segment.index)
        if order.pin != self.pin:
            raise PinLost("The model it was begun with is gone.")
        if self.gate is not None:
            await self.gate.wait()
        first, units = int.from_bytes(order.segment.brief, "big"), order.segment.units
        content = job.target.read_bytes()[first : first + units]
        await asyncio.sleep(0)
        on_progress(units, units)
        file = self._write(content if order.untouched else content.upper())
        done = SegmentDone(units=units, note=bytes([order.segment.index % 256]))
        return Made(fields=done, file=file, cost={"frames": units, "cpu_s": 0.01}, worker="memory-0")

    async def join(
        self, job: StepJob, order: JoinOrder, parts: Sequence[Path], on_progress: OnProgress
    ) -> Made[JoinDone]:
        """One after the other."""
        self._enter("join", job, 0)
        assert len(order.notes) == len(parts)
        await asyncio.sleep(0)
        content = b"".join(part.read_bytes() for part in parts)
        on_progress(1, 1)
        return Made(fields=JoinDone(units=len(content)), file=self._write(content), worker="memory-0")

    def places(self, task: str) -> int:  # noqa: ARG002 — one house for all tasks
        """As the test says."""
        return self.number_of_places

    def _enter(self, kind: str, job: StepJob, number: int) -> None:
        content = job.target.read_text(encoding="utf-8")
        self.calls.append((kind, content, number))
        if errors := self.faults.get((kind, content, number)):
            raise errors.pop(0)

    def _write(self, content: bytes) -> Path:
        self._made += 1
        file = self._folder / f"made-{self._made}"
        file.write_bytes(content)
        return file
