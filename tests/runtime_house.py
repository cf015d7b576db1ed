"""A supervisor with real processes, for tests: started, recorded, and swept up whatever the test does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.fault_task import Act, Done

from steadfast.events import Event, subscribe
from steadfast.runtime.mending import Repair
from steadfast.runtime.options import Device, PoolOptions, WorkerOptions
from steadfast.runtime.snapshot import PoolSnapshot
from steadfast.runtime.supervisor import Employment, Supervisor
from steadfast.runtime.ticket import Outcome, Payload
from steadfast.task import TaskSpec

ROOT = str(Path(__file__).resolve().parents[1])
EventT = TypeVar("EventT", bound=Event)


@dataclass(kw_only=True)
class House:
    """One task `fault` and everything that happened."""

    supervisor: Supervisor
    events: list[Event] = field(default_factory=list)

    async def ask(self, act: Act | None = None, *blobs: Payload, deadline_s: float = 30.0) -> Outcome:
        """Submits one act."""
        return await self.supervisor.submit("fault", act or Act(), blobs, deadline_s=deadline_s)

    async def done(self, act: Act | None = None, *blobs: Payload, deadline_s: float = 30.0) -> Done:
        """What the act answered."""
        return (await self.ask(act, *blobs, deadline_s=deadline_s)).decode(Done)

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def pool(self) -> PoolSnapshot:
        """The state of the task."""
        return self.supervisor.snapshot().pool("fault")

    def pids(self) -> set[int]:
        """Of all living workers."""
        return {worker.pid for worker in self.pool.workers}

    async def until(self, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        """Waits for a condition; fails the test when it does not come."""
        until_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until_s, f"it did not come: {self.pool}"
            await asyncio.sleep(0.005)

    async def full(self) -> None:
        """Waits until every place and spare is filled."""
        await self.until(lambda: self.pool.able == self.pool.places and self.pool.spares_ready >= 1)


@asynccontextmanager
async def house(
    *,
    workers: int = 1,
    spares: int = 1,
    config: dict[str, Any] | None = None,
    worker: WorkerOptions | None = None,
    folder: Path | None = None,
    repair: Repair | None = None,
    wait_s: float | None = 60.0,
    spec: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[House]:
    """A running house; `spec` and `options` override fields of `TaskSpec` and `PoolOptions`.

    Workers may write nothing but `folder`.
    """
    fault = TaskSpec(name="fault", path="tests.fault_task:FaultTask", config=config or {}, **(spec or {}))
    worker = replace(worker or WorkerOptions(), python_path=(ROOT,))
    if folder is not None:
        worker = replace(worker, outboxes=folder)
        worker = replace(worker, confinement=replace(worker.confinement, writable=(folder,)))
    pool = PoolOptions(devices=(Device(),) * workers, spares=spares, worker=worker, **options)
    built = House(supervisor=Supervisor([Employment(spec=fault, options=pool)], repair=repair))
    end = subscribe(built.events.append)
    try:
        await built.supervisor.start(wait_s=wait_s)
        yield built
    finally:
        await built.supervisor.stop(grace_s=0.0)
        end()


def run(test: Coroutine[Any, Any, None]) -> None:
    """Runs one test's coroutine on its own loop."""
    asyncio.run(test)
