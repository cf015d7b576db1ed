"""The work of jobs, done by the workers of the runtime."""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from steadfast.events import is_heard, publish
from steadfast.jobs.work import Made, OnProgress, StepJob
from steadfast.readings import ResultSampled, is_drawn
from steadfast.runtime.caller import Caller, acting_for
from steadfast.runtime.port import Runtime
from steadfast.runtime.step_call import StepCall
from steadfast.task_steps import (
    JobPlan,
    JoinDone,
    JoinOrder,
    Operation,
    SegmentDone,
    SegmentOrder,
    StepRequest,
    encoded,
)

FieldsT = TypeVar("FieldsT", JobPlan, SegmentDone, JoinDone)


class RuntimeWork:
    """Each question is one step of the runtime, given to one worker once; what follows is the scheduler's."""

    def __init__(
        self,
        runtime: Runtime,
        delivery: Path,
        places: Callable[[str], int] | None = None,
        *,
        sampled: float = 0.0,
    ) -> None:
        """`delivery`: a folder on the disk of the workers' outboxes, for what they hand over; `sampled`: part
        of the segments whose quality is measured.
        """
        self._runtime = runtime
        self._delivery = delivery
        self._places = places
        self._sampled = sampled

    async def plan(self, job: StepJob, on_progress: OnProgress) -> Made[JobPlan]:
        """Looks at the inputs."""
        step = StepCall(operation=Operation.PLAN, request=_request(job), on_progress=on_progress)
        return await self._carry_out(job, step, JobPlan)

    async def run_segment(
        self, job: StepJob, order: SegmentOrder, on_progress: OnProgress
    ) -> Made[SegmentDone]:
        """Does one segment, and says how good it is where it was chosen for that."""
        if _is_sampled(job, order, self._sampled):
            order = msgspec.structs.replace(order, sample=True)
        step = StepCall(
            operation=Operation.SEGMENT,
            request=_request(job, encoded(order)),
            deliver_to=self._new_file(),
            on_progress=on_progress,
            number=order.segment.index,
        )
        made = await self._carry_out(job, step, SegmentDone)
        if made.fields.readings and is_heard(ResultSampled):
            engine = order.pin.get("engine") or order.pin.get("model", "")
            publish(ResultSampled(task=job.task, engine=engine, readings=made.fields.readings))
        return made

    async def join(
        self, job: StepJob, order: JoinOrder, parts: Sequence[Path], on_progress: OnProgress
    ) -> Made[JoinDone]:
        """Makes one result of the parts."""
        step = StepCall(
            operation=Operation.JOIN,
            request=_request(job, encoded(order), parts),
            deliver_to=self._new_file(),
            on_progress=on_progress,
        )
        return await self._carry_out(job, step, JoinDone)

    def places(self, task: str) -> int:
        """Workers that have shown that they work."""
        if self._places is not None:
            return self._places(task)
        try:
            return self._runtime.snapshot().pool(task).able
        except KeyError:
            return 0

    async def _carry_out(self, job: StepJob, step: StepCall, kind: type[FieldsT]) -> Made[FieldsT]:
        file = step.deliver_to
        try:
            with acting_for(Caller(job_id=job.job_id, traceparent=job.traceparent)):
                outcome = await self._runtime.carry_out(job.task, step)
        except BaseException:
            if file is not None:
                file.unlink(missing_ok=True)
            raise
        return Made(
            fields=outcome.decode(kind),
            file=file,
            cost=outcome.cost,
            degraded=outcome.degraded,
            worker=outcome.worker,
            worked_s=outcome.worked_ms / 1000.0,
        )

    def _new_file(self) -> Path:
        return self._delivery / f"made-{secrets.token_hex(12)}"


def _is_sampled(job: StepJob, order: SegmentOrder, share: float) -> bool:
    """By lot, and the same lot for every attempt: what is poison must look the same each time."""
    if share <= 0.0 or order.untouched:
        return False
    return is_drawn(f"{job.job_id} {job.target.stat().st_size} {order.segment.index}", share)


def _request(job: StepJob, order: msgspec.Raw | None = None, parts: Sequence[Path] = ()) -> StepRequest:
    # The target comes last, as in a request that is answered at once: sources, then what they go into.
    return StepRequest(
        options=encoded({**job.options, "segment_s": job.segment_s}),
        order=order if order is not None else encoded(None),
        inputs=tuple(map(str, (*job.sources, job.target))),
        parts=tuple(map(str, parts)),
    )
