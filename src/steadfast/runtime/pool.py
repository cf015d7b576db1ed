"""One task with everything that serves it: staff, dispatcher, upkeep, and the judgement over them."""

import asyncio
from collections.abc import Callable

from steadfast.errors import RequestAborted, ServiceError, ShuttingDown, SteadfastError
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.mending import Repair
from steadfast.runtime.options import PoolOptions
from steadfast.runtime.readiness import PlaceFacts, why_not_ready
from steadfast.runtime.slot import Slot
from steadfast.runtime.snapshot import PoolSnapshot, WorkerSnapshot
from steadfast.runtime.staff import Hire, Staff
from steadfast.runtime.states import WorkerState
from steadfast.runtime.ticket import Outcome, Ticket
from steadfast.runtime.upkeep import Upkeep
from steadfast.runtime.worker_process import WorkerProcess
from steadfast.task import TaskSpec


class Pool:
    """One task's share of the supervisor."""

    def __init__(
        self,
        *,
        spec: TaskSpec,
        options: PoolOptions,
        hire: Hire,
        repair: Repair | None,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self.staff = Staff(spec=spec, options=options, hire=hire, repair=repair, loop=loop, clock=clock)
        self.upkeep = Upkeep(self.staff, clock=clock)
        self.staff.after_request = self.upkeep.after_request

    async def admit(self, ticket: Ticket) -> None:
        """Queues it. Raises `PoisonInput` for an input that kills, `BreakerOpen` if nobody can serve."""
        staff = self.staff
        if staff.hopeless:
            raise staff.hiring.refusal()
        if not ticket.is_step and staff.dispatcher.poison:  # the owner of a step counts attempts itself
            await self.refuse_poison(ticket)
        staff.dispatcher.accept(ticket)

    async def see_through(self, ticket: Ticket) -> Outcome:
        """Admits it and waits for what comes of it; whoever stops waiting withdraws it."""
        await self.admit(ticket)
        try:
            return await ticket.future
        except asyncio.CancelledError:
            self.staff.dispatcher.withdraw(ticket)
            raise
        except SteadfastError as error:
            error.effort = ticket.effort(self._clock())
            raise

    async def refuse_poison(self, ticket: Ticket) -> None:
        """Raises `PoisonInput` for an input that kills."""
        dispatcher = self.staff.dispatcher
        if dispatcher.poison and dispatcher.poison.may_know(ticket.outline()):
            dispatcher.poison.check(await dispatcher.fingerprint_of(ticket))

    async def wait_until_able(self) -> None:
        """Returns when every place has a worker that has passed its canary."""
        while not all(slot.worker is not None and slot.worker.able for slot in self.staff.slots):
            self.staff.changed.clear()
            await self.staff.changed.wait()

    # --- remedies ---------------------------------------------------------------------------------------

    def abort(self, request_id: int) -> bool:
        """Ends one request now; a worker that has nothing else is killed with it."""
        dispatcher = self.staff.dispatcher
        ticket = dispatcher.find(request_id)
        if ticket is None:
            return False
        ticket.fail(RequestAborted("The request was aborted to keep the service well."))
        dispatcher.withdraw(ticket)
        for worker in self.staff.workers.values():
            if worker.gives_up_on(ticket):
                worker.kill(KillReason.ABORTED)
        return True

    def release_memory(self) -> int:
        """Tells every READY worker to give back caches."""
        told = [w for w in self.staff.workers.values() if w.state is WorkerState.READY and not w.dying]
        for worker in told:
            worker.release_memory()
        return len(told)

    def restart(self, name: str) -> bool:
        """Kills the worker of that name for standing still; its requests begin again in another."""
        found = next((worker for worker in self.staff.workers.values() if worker.name == name), None)
        if found is None or found.dying:
            return False
        found.kill(KillReason.STALL)
        return True

    def recycle(self, name: str, why: str) -> bool:
        """Retires the worker of that name."""
        for worker in tuple(self.staff.workers.values()):
            if worker.name == name:
                self.staff.retire(worker, why)
                return True
        return False

    async def reload(self, spec: TaskSpec | None, options: PoolOptions | None) -> None:
        """Replaces workers one by one. Places cannot change in number here, that takes a restart."""
        staff = self.staff
        before = staff.spec, staff.options
        staff.begin_generation(spec or staff.spec, options or staff.options)
        limit_s = 3 * staff.spec.load_s + staff.options.recycle.drain_s
        try:
            await asyncio.wait_for(self._replace_old(), limit_s)
        except (TimeoutError, ServiceError) as error:
            staff.keep_old_generation(*before)
            raise ServiceError(f"The new workers of {staff.spec.name} do not come up: {error}") from error

    async def _replace_old(self) -> None:
        staff = self.staff
        while old := [w for w in staff.workers.values() if w.generation < staff.generation]:
            worker = old[0]
            staff.retire(worker, "reload")
            while worker.key in staff.workers:
                if staff.hiring.exhausted:
                    raise staff.hiring.refusal()
                staff.changed.clear()
                await staff.changed.wait()

    async def finish(self, until_s: float) -> None:
        """Lets what was admitted end by `until_s`, then ends every worker."""
        while self.staff.dispatcher.busy and self._clock() < until_s:
            self.staff.changed.clear()
            left_s = max(0.0, until_s - self._clock())
            try:
                await asyncio.wait_for(self.staff.changed.wait(), min(left_s, 0.05))
            except TimeoutError:
                continue
        for ticket in [t for worker in self.staff.workers.values() for t in worker.tickets]:
            ticket.fail(ShuttingDown("The service stopped before this was done."))
        await self.staff.dismiss_all(max(0.2, min(1.0, until_s - self._clock())))

    # --- judgement --------------------------------------------------------------------------------------

    def snapshot(self) -> PoolSnapshot:
        """What is known now."""
        staff = self.staff
        now_s = self._clock()
        workers = [worker for worker in staff.workers.values() if not worker.ended]
        why_not = self.why_not_ready()
        return PoolSnapshot(
            task=staff.spec.name,
            ready=not why_not,
            why_not=why_not,
            breaker=staff.hiring.state,
            waiting=staff.dispatcher.waiting,
            busy=sum(worker.state is WorkerState.BUSY for worker in workers),
            able=sum(slot.worker is not None and slot.worker.able for slot in staff.slots),
            at_once=sum(
                min(staff.spec.max_batch, slot.ladder.point.batch) if staff.spec.max_batch > 1 else 1
                for slot in staff.slots
                if slot.worker is not None and slot.worker.able
            ),
            places=len(staff.slots),
            spares_ready=sum(w.state is WorkerState.READY and staff.slot_of(w) is None for w in workers),
            hangs_in_a_row=staff.hangs_in_a_row,
            degraded=tuple(
                dict.fromkeys(word for slot in staff.slots for word in slot.ladder.point.degraded)
            ),
            poisoned=staff.dispatcher.poison.refused,
            last_load_failure=staff.hiring.last_failure,
            workers=tuple(self._worker_snapshot(worker, now_s) for worker in workers),
        )

    def why_not_ready(self) -> str:
        """`readiness.why_not_ready` over the places as they are now."""
        return why_not_ready(
            places=[self._facts(slot) for slot in self.staff.slots],
            breaker_open=self.staff.hiring.state is not BreakerState.CLOSED,
            hangs_in_a_row=self.staff.hangs_in_a_row,
            usual_s=self.staff.usual_s,
        )

    def _facts(self, slot: Slot) -> PlaceFacts:
        worker = slot.worker
        if worker is None or not worker.able:
            return PlaceFacts(able=False, silent_s=0.0, allowed_s=0.0)
        tickets = worker.tickets
        return PlaceFacts(
            able=True,
            silent_s=self._clock() - worker.finished_at_s if tickets else 0.0,
            allowed_s=min((t.deadline_at_s - t.started_at_s for t in tickets), default=0.0),
        )

    def _worker_snapshot(self, worker: WorkerProcess, now_s: float) -> WorkerSnapshot:
        slot = self.staff.slot_of(worker)
        return WorkerSnapshot(
            name=worker.name,
            pid=worker.pid,
            state=worker.state,
            slot=slot.name if slot else None,
            device=worker.device,
            level=worker.level,
            served=worker.served,
            age_s=now_s - worker.born_at_s,
            silent_s=now_s - worker.finished_at_s,
            rss_bytes=worker.rss_bytes,
            device_bytes=worker.device_bytes,
            retiring=worker.retiring,
            confinement=worker.confinement,
            requests=tuple(ticket.id for ticket in worker.tickets),
            callers=tuple(ticket.caller for ticket in worker.tickets),
        )
