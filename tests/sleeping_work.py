"""Work that sleeps instead of computing: where a test or benchmark is about everything around it."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from steadfast.jobs.work import Made, OnProgress, StepJob
from steadfast.task_steps import JobPlan, JoinDone, JoinOrder, PlannedSegment, SegmentDone, SegmentOrder

PIN = {"work": "asleep"}


class SleepingWork:
    """Segments of a target's bytes, four units each unless the job says `per_segment`; capitals come out."""

    def __init__(self, folder: Path, *, places: int, seconds: float) -> None:
        """`seconds`: of one segment, unless the job says `seconds` itself."""
        self._folder = folder
        self._places = places
        self._seconds = seconds

    async def plan(self, job: StepJob, on_progress: OnProgress) -> Made[JobPlan]:
        """Cuts the bytes into runs."""
        content, most = job.target.read_bytes(), int(job.options.get("per_segment", 4))
        on_progress(1, 1)
        segments = tuple(
            PlannedSegment(
                index=index, units=len(content[first : first + most]), brief=first.to_bytes(8, "big")
            )
            for index, first in enumerate(range(0, max(1, len(content)), most))
        )
        plan = JobPlan(segments=segments, pin=PIN, suffix=".txt", content_type="text/plain")
        return Made(fields=plan, worker="asleep")

    async def run_segment(
        self, job: StepJob, order: SegmentOrder, on_progress: OnProgress
    ) -> Made[SegmentDone]:
        """Sleeps, and says several times that it came on."""
        seconds = float(job.options.get("seconds", self._seconds))
        first, units = int.from_bytes(order.segment.brief, "big"), order.segment.units
        for unit in range(units):
            await asyncio.sleep(seconds / max(1, units))
            on_progress(unit + 1, units)
        content = job.target.read_bytes()[first : first + units].upper()
        done = SegmentDone(units=units, note=hashlib.sha256(content).digest()[:4])
        return Made(
            fields=done,
            file=self._write(content),
            cost={"frames": units, "device_s": seconds},
            worker="asleep",
        )

    async def join(
        self, job: StepJob, order: JoinOrder, parts: Sequence[Path], on_progress: OnProgress
    ) -> Made[JoinDone]:
        """One after the other."""
        content = b"".join(part.read_bytes() for part in parts)
        on_progress(1, 1)
        return Made(fields=JoinDone(units=len(content)), file=self._write(content), worker="asleep")

    def places(self, task: str) -> int:
        """As many as it was told."""
        return self._places

    def _write(self, content: bytes) -> Path:
        file = self._folder / f"made-{secrets.token_hex(8)}"
        file.write_bytes(content)
        return file
