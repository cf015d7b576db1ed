"""The runtime without processes, tasks run in this one: for tests of what stands above, nothing else."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from steadfast.errors import DeadlineExceeded, ServiceError, ShuttingDown
from steadfast.events import publish
from steadfast.readings import ResultSampled
from steadfast.runtime import messages
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.employment import Employment
from steadfast.runtime.failure import declared
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.stepping import run_step
from steadfast.runtime.ticket import OnProgress, Outcome, Payload
from steadfast.task import Blob, OperatingPoint, Progress, Request, Task


class InMemoryRuntime:
    """Runs `tasks` on the event loop; a task that dies takes this process with it."""

    def __init__(self, tasks: Mapping[str, Task[Any]], *, deadline_s: float = 30.0) -> None:
        self._tasks = dict(tasks)
        self._deadline_s = deadline_s
        self._stopping = False
        self.why_not_ready = ""
        """Set by a test that needs a task which is not ready."""
        self.reloads = 0
        """How often `reload` was called."""

    async def start(self, *, wait_s: float | None = None) -> None:  # noqa: ARG002 — it is ready at once
        """Loads every task."""
        for task in self._tasks.values():
            task.load(OperatingPoint())

    async def submit(
        self,
        task: str,
        fields: msgspec.Struct,
        blobs: Sequence[Payload] = (),
        *,
        deadline_s: float | None = None,
    ) -> Outcome:
        """Runs the task here and now, on fields that have been through msgpack like any others."""
        if self._stopping:
            raise ShuttingDown("The service is stopping.")
        began_s = time.monotonic()
        limit_s = self._deadline_s if deadline_s is None else deadline_s
        await asyncio.sleep(0)  # as the real one, it lets others run before it answers
        worker = self._task(task)
        request = Request(
            fields=msgspec.msgpack.decode(messages.encode(fields), type=worker.request_type),
            blobs=tuple(map(_whole, blobs)),
        )
        response = _run(worker, request, began_s + limit_s)
        if response.afterwards is not None and (sampled := response.afterwards()).readings:
            publish(ResultSampled(task=task, engine=sampled.engine, readings=sampled.readings))
        return Outcome(
            fields=messages.encode(response.fields),
            blobs=tuple(map(bytes, response.blobs)),
            degraded=response.degraded,
            cost=dict(response.cost),
            worker=f"{task}-0",
            attempts=1,
            waited_ms=0.0,
            worked_ms=(time.monotonic() - began_s) * 1000.0,
        )

    async def carry_out(self, task: str, step: StepCall) -> Outcome:
        """Does the step here and now, in a folder of its own, and hands over its file."""
        began_s = time.monotonic()
        await asyncio.sleep(0)
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = run_step(
                    self._task(task), step.operation, step.request, Path(folder), _told(step.on_progress)
                )
            except Exception as error:
                raise declared(error) from error
            if result.file is not None and step.deliver_to is not None:
                shutil.move(result.file, step.deliver_to)
        return Outcome(
            fields=messages.encode(result.fields),
            blobs=(),
            degraded=result.degraded,
            cost=dict(result.cost),
            worker=f"{task}-0",
            attempts=1,
            waited_ms=0.0,
            worked_ms=(time.monotonic() - began_s) * 1000.0,
        )

    async def refuse_poison(self, task: str, fields: msgspec.Struct, blobs: Sequence[Payload] = ()) -> None:
        """Nothing kills where there are no processes."""

    def snapshot(self) -> Snapshot:
        """One ready pool without processes per task."""
        return Snapshot(pools=tuple(map(self._pool, self._tasks)), stopping=self._stopping)

    def abort(self, request_id: int) -> bool:  # noqa: ARG002 — nothing is ever in flight
        """There is nothing to end."""
        return False

    def release_memory(self, task: str) -> int:
        """Has the task give back caches."""
        self._task(task).release_memory()
        return 1

    def recycle(self, worker: str, why: str = "asked for") -> bool:  # noqa: ARG002 — there is no process
        """There is nobody to replace."""
        return False

    def restart(self, worker: str) -> bool:  # noqa: ARG002 — there is no process
        """There is nobody to end."""
        return False

    async def reload(self, employments: Mapping[str, Employment] | None = None) -> None:  # noqa: ARG002
        """Loads every task again."""
        self.reloads += 1
        await self.start()

    async def stop(self, *, grace_s: float) -> None:  # noqa: ARG002 — nothing is ever in flight
        """Takes nothing new."""
        self._stopping = True

    def _task(self, name: str) -> Task[Any]:
        if name not in self._tasks:
            raise ServiceError(f"There is no task {name!r} in this service.")
        return self._tasks[name]

    def _pool(self, task: str) -> PoolSnapshot:
        return PoolSnapshot(
            task=task,
            ready=not self.why_not_ready,
            why_not=self.why_not_ready,
            breaker=BreakerState.CLOSED,
            waiting=0,
            busy=0,
            able=1,
            places=1,
            spares_ready=0,
            hangs_in_a_row=0,
            degraded=(),
            poisoned=0,
            last_load_failure="",
            workers=(),
        )


def _run(worker: Task[Any], request: Request[Any], deadline_at_s: float) -> Any:
    def progress(done: int, total: int | None = None) -> None:  # noqa: ARG001 — nobody listens
        if time.monotonic() >= deadline_at_s:
            raise DeadlineExceeded("The time allowed was over before the work was done.")

    try:
        worker.validate(request)
        return worker.run(request, progress)
    except Exception as error:
        raise declared(error) from error


def _told(on_progress: OnProgress | None) -> Progress:
    def progress(done: int, total: int | None = None) -> None:
        if on_progress is not None:
            on_progress(done, total)

    return progress


def _whole(payload: Payload) -> Blob:
    return payload if isinstance(payload, Path) else memoryview(b"".join(payload))
