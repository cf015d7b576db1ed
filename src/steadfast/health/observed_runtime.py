"""A runtime that notes what becomes of every request, for health to read; else it is the one it wraps."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from steadfast.errors import CallerError, ShuttingDown, SteadfastError
from steadfast.health.work_record import WorkRecord
from steadfast.runtime.employment import Employment
from steadfast.runtime.port import Runtime
from steadfast.runtime.snapshot import Snapshot
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.ticket import Outcome, Payload


class ObservedRuntime:
    """The same port; costs a few microseconds per request."""

    def __init__(self, runtime: Runtime, record: WorkRecord) -> None:
        self._runtime = runtime
        self._record = record

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
        """Has a request done, and counts it."""
        self._record.count_arrival(task)
        try:
            outcome = await self._runtime.submit(task, fields, blobs, deadline_s=deadline_s)
        except asyncio.CancelledError:
            self._record.count_refusal(task, is_ours=False)
            raise
        except SteadfastError as error:
            self._record.count_refusal(task, is_ours=not isinstance(error, CallerError | ShuttingDown))
            raise
        size = outcome.cost.get("pixels") or float(sum(map(_size_of, blobs)))
        self._record.count_work(task, size=size, worked_ms=outcome.worked_ms)
        return outcome

    async def carry_out(self, task: str, step: StepCall) -> Outcome:
        """Has one step of a job done; jobs keep their own account."""
        return await self._runtime.carry_out(task, step)

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


def _size_of(blob: Payload) -> int:
    return 0 if isinstance(blob, Path) else sum(map(len, blob))
