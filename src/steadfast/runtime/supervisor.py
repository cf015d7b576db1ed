"""The supervisor: requests go in, answers come out, and whatever happens to workers in between is its affair.

It runs on one asyncio loop, in the server's main thread, and touches no payload but to copy it. Its surface
is small: `start`, `submit`, `snapshot`, the remedies that `health` may order (`abort`, `release_memory`,
`recycle`), `reload`, `stop`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count

import msgspec

from steadfast.errors import InvalidOption, MediaTooLarge, ServiceError, ShuttingDown
from steadfast.runtime import messages
from steadfast.runtime.employment import Employment
from steadfast.runtime.mending import Repair
from steadfast.runtime.pool import Pool
from steadfast.runtime.snapshot import Snapshot
from steadfast.runtime.spawn import require_kernel, spawn_worker
from steadfast.runtime.staff import Hire
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.ticket import Outcome, Payload, Ticket
from steadfast.runtime.upkeep import TICK_S


class Supervisor:
    """Keeps workers for every task and gives them work."""

    def __init__(
        self,
        employments: Sequence[Employment],
        *,
        repair: Repair | None = None,
        clock: Callable[[], float] = time.monotonic,
        hire: Hire = spawn_worker,
    ) -> None:
        """`repair` restores a damaged model by name, `hire` starts a process. Does nothing yet."""
        self._employments = {employment.spec.name: employment for employment in employments}
        self._repair = repair
        self._clock = clock
        self._hire = hire
        self._pools: dict[str, Pool] = {}
        self._ids = count(1)
        self._ticker: asyncio.TimerHandle | None = None
        self._stopping = False

    async def start(self, *, wait_s: float | None = None) -> None:
        """Starts all workers; with `wait_s`, returns when every task can serve, or when that time is over.

        Raises `ServiceUnsupported` where workers cannot be had.
        """
        require_kernel()
        loop = asyncio.get_running_loop()
        for name, employment in self._employments.items():
            self._pools[name] = Pool(
                spec=employment.spec,
                options=employment.options,
                hire=self._hire,
                repair=self._repair,
                loop=loop,
                clock=self._clock,
            )
        for pool in self._pools.values():
            pool.staff.replan()
        self._tick()
        if wait_s is not None:
            waits = (pool.wait_until_able() for pool in self._pools.values())
            try:
                await asyncio.wait_for(asyncio.gather(*waits), wait_s)
            except TimeoutError:
                return

    async def submit(
        self,
        task: str,
        fields: msgspec.Struct,
        blobs: Sequence[Payload] = (),
        *,
        deadline_s: float | None = None,
    ) -> Outcome:
        """Has `task` done and answers its outcome, within `deadline_s` from now (default: the task's own).

        A blob is the list of pieces in which it came (they are copied once, into shared memory, and must
        not change until this returns) or a file that the server chose. Cancelling the caller stops the work
        at its next unit.

        Raises `DeadlineExceeded`, `PoisonInput`, `WorkerCrashed`, `BreakerOpen`, `ShuttingDown`,
        `MediaTooLarge`, or what the task itself raised.
        """
        pool = self._pool(task)
        return await pool.see_through(self._ticket(pool, fields, blobs, deadline_s))

    async def carry_out(self, task: str, step: StepCall) -> Outcome:
        """Has one step of a job done by one worker, once.

        The file it makes lies at `step.deliver_to` when this returns. Cancelling the caller stops the step
        within a second. Raises `WorkerCrashed`, which says whether the step was to blame for the death,
        `DeadlineExceeded`, `BreakerOpen`, `ShuttingDown`, or what the task itself raised.
        """
        pool = self._pool(task)
        ticket = self._ticket(pool, None, ([messages.encode(step.request)],), step.deadline_s)
        ticket.operation, ticket.alone = step.operation, True
        ticket.deliver_to, ticket.on_progress = step.deliver_to, step.on_progress
        return await pool.see_through(ticket)

    async def refuse_poison(self, task: str, fields: msgspec.Struct, blobs: Sequence[Payload] = ()) -> None:
        """Raises `PoisonInput` for what `submit` would refuse as such.

        For who lets requests wait before they are submitted: a killer is refused at once, not in its turn.
        """
        pool = self._pool(task)
        if pool.staff.dispatcher.poison:  # else there is nothing to compare it with
            await pool.refuse_poison(self._ticket(pool, fields, blobs, None))

    def _ticket(
        self, pool: Pool, fields: msgspec.Struct | None, blobs: Sequence[Payload], deadline_s: float | None
    ) -> Ticket:
        if self._stopping:
            raise ShuttingDown("The service is stopping.")
        encoded = messages.encode(fields)
        if len(encoded) > messages.MAX_MESSAGE_BYTES // 2:
            raise InvalidOption(f"The options take {len(encoded)} bytes; that is no options any more.")
        now_s = self._clock()
        ticket = Ticket(
            id=next(self._ids),
            task=pool.staff.spec.name,
            fields=encoded,
            kind=None if fields is None else type(fields),
            blobs=tuple(blobs),
            deadline_at_s=now_s + (pool.staff.spec.deadline_s if deadline_s is None else deadline_s),
            arrived_at_s=now_s,
            future=asyncio.get_running_loop().create_future(),
        )
        room_bytes = pool.staff.options.worker.arena.request_bytes
        if ticket.payload_bytes > room_bytes:
            raise MediaTooLarge(
                f"The request carries {ticket.payload_bytes} bytes; {room_bytes} go through shared memory.",
                remedy="Raise the size of the workers' shared memory, or send the input as a file.",
            )
        return ticket

    def snapshot(self) -> Snapshot:
        """Everything that is known now; cheap."""
        return Snapshot(
            pools=tuple(pool.snapshot() for pool in self._pools.values()), stopping=self._stopping
        )

    # --- remedies ---------------------------------------------------------------------------------------

    def abort(self, request_id: int) -> bool:
        """Ends one request now, and its worker if it had nothing else; whether there was such a request."""
        return any(pool.abort(request_id) for pool in self._pools.values())

    def release_memory(self, task: str) -> int:
        """Has idle workers of `task` give back caches; how many were told."""
        return self._pool(task).release_memory()

    def recycle(self, worker: str, why: str = "asked for") -> bool:
        """Replaces a worker by name, without a gap; whether there is one."""
        return any(pool.recycle(worker, why) for pool in self._pools.values())

    def restart(self, worker: str) -> bool:
        """Ends one worker by name at once, as one that stalls; whether there is one."""
        return any(pool.restart(worker) for pool in self._pools.values())

    async def reload(self, employments: Mapping[str, Employment] | None = None) -> None:
        """Replaces all workers one by one, with new settings where `employments` gives them. No request
        fails.

        Raises `ServiceError` if the new ones do not come up; then the old ones go on.
        """
        for name, pool in self._pools.items():
            employment = (employments or {}).get(name)
            await pool.reload(
                employment.spec if employment else None, employment.options if employment else None
            )

    async def stop(self, *, grace_s: float) -> None:
        """Takes nothing new, finishes within `grace_s`, refuses the rest. Every worker is reaped."""
        self._stopping = True
        until_s = self._clock() + grace_s
        await asyncio.gather(*(pool.finish(until_s) for pool in self._pools.values()))
        if self._ticker is not None:
            self._ticker.cancel()

    # --- small things -----------------------------------------------------------------------------------

    def _pool(self, task: str) -> Pool:
        if task not in self._pools:
            raise ServiceError(f"There is no task {task!r} in this service.")
        return self._pools[task]

    def _tick(self) -> None:
        for pool in self._pools.values():
            pool.upkeep.tick()
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)


__all__ = ["Employment", "Supervisor"]
