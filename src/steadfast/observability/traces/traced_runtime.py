"""A runtime that has work told to the trace it belongs to; else it is the one it wraps."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from steadfast.observability.traces.job_traces import JobTraces
from steadfast.observability.traces.tracing import Attributes, Tracing
from steadfast.runtime.caller import CALLER
from steadfast.runtime.employment import Employment
from steadfast.runtime.port import Runtime
from steadfast.runtime.snapshot import Snapshot
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.ticket import Outcome, Payload
from steadfast.task_steps import Operation


class TracedRuntime:
    """The same port. What is submitted without a `Caller.traceparent` passes through."""

    def __init__(self, runtime: Runtime, tracing: Tracing, jobs: JobTraces) -> None:
        self._runtime = runtime
        self._tracing = tracing
        self._jobs = jobs

    async def start(self, *, wait_s: float | None = None) -> None:
        """Starts workers."""
        await self._runtime.start(wait_s=wait_s)

    async def submit(
        self,
        task: str,
        fields: msgspec.Struct,
        blobs: Sequence[Payload] = (),
        *,
        deadline_s: float | None = None,
    ) -> Outcome:
        """Has a request done, and told."""
        return await self._told(
            "worker",
            {"steadfast.task": task},
            lambda: self._runtime.submit(task, fields, blobs, deadline_s=deadline_s),
        )

    async def carry_out(self, task: str, step: StepCall) -> Outcome:
        """Has one step of a job done, and told."""
        attributes: dict[str, str | int | float | bool] = {
            "steadfast.task": task,
            "steadfast.job": CALLER.get().job_id,
        }
        if step.operation is Operation.SEGMENT:
            attributes["steadfast.segment"] = step.number
        return await self._told(
            f"job {step.operation.value}", attributes, lambda: self._runtime.carry_out(task, step)
        )

    async def _told(self, name: str, attributes: Attributes, do: Callable[[], Awaitable[Outcome]]) -> Outcome:
        caller, began_at_s = CALLER.get(), time.monotonic()
        traceparent = caller.traceparent
        if not traceparent:
            return await do()
        if caller.job_id:
            traceparent = self._jobs.parent_of_steps(caller.job_id, traceparent)
        try:
            outcome = await do()
        except BaseException as error:
            self._tracing.tell_failure(name, traceparent, error, began_at_s=began_at_s, attributes=attributes)
            raise
        self._tracing.tell_work(name, traceparent, outcome, attributes)
        return outcome

    async def refuse_poison(self, task: str, fields: msgspec.Struct, blobs: Sequence[Payload] = ()) -> None:
        """Raises `PoisonInput` for an input that has killed too often."""
        await self._runtime.refuse_poison(task, fields, blobs)

    def snapshot(self) -> Snapshot:
        """What is known now."""
        return self._runtime.snapshot()

    def abort(self, request_id: int) -> bool:
        """Ends one request."""
        return self._runtime.abort(request_id)

    def release_memory(self, task: str) -> int:
        """Has caches given back."""
        return self._runtime.release_memory(task)

    def recycle(self, worker: str, why: str = "asked for") -> bool:
        """Replaces one worker."""
        return self._runtime.recycle(worker, why)

    def restart(self, worker: str) -> bool:
        """Ends one worker at once; what it had begins again in another."""
        return self._runtime.restart(worker)

    async def reload(self, employments: Mapping[str, Employment] | None = None) -> None:
        """Replaces all workers, one by one."""
        await self._runtime.reload(employments)

    async def stop(self, *, grace_s: float) -> None:
        """Ends everything."""
        await self._runtime.stop(grace_s=grace_s)
