"""Requests of one task: who waits, who is handed over, what a death, a refusal or a deadline does to them."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from steadfast.errors import (
    DeadlineExceeded,
    InvalidModelOutput,
    ModelDamaged,
    OutOfHandles,
    OutOfMemory,
    PoisonInput,
    SteadfastError,
    WorkerCrashed,
)
from steadfast.events import publish
from steadfast.runtime import messages
from steadfast.runtime.arena import ArenaFull
from steadfast.runtime.deadlines import Deadlines
from steadfast.runtime.events import AnswerInvalid, InputQuarantined, RequestRetried, UnexpectedError
from steadfast.runtime.exit_reason import ExitReport, Fault, KillReason
from steadfast.runtime.failure import declared, error_of, is_unexpected
from steadfast.runtime.options import PoolOptions
from steadfast.runtime.outbox import take_out
from steadfast.runtime.poison import PoisonRegister
from steadfast.runtime.slot import Slot
from steadfast.runtime.states import WorkerState
from steadfast.runtime.ticket import Outcome, Ticket
from steadfast.runtime.worker_process import WorkerProcess
from steadfast.task import TaskSpec

_QUICK_DIGEST_BYTES = 1 << 20
STEP_STOPS_WITHIN_S = 0.7
"""A step that was taken back is over in a second: what has not heard by then is killed."""
_MOST_MENDED = 8
"""Times a request is tried again in workers that lived on: at least as many as a ladder has steps."""


class Workplace(Protocol):
    """What the dispatcher asks of those who keep the workers."""

    slots: list[Slot]

    def memory_ran_out(self, worker: WorkerProcess) -> tuple[bool, Slot | None]:
        """Steps its place down; whether that gives hope, and where to try again (None: anywhere)."""

    def answered_wrongly(self, worker: WorkerProcess) -> None:
        """Has it reload, or replaced when that has not helped."""

    def model_damaged(self, worker: WorkerProcess, model: str | None) -> None:
        """Has the model repaired and the worker reload."""

    def handles_ran_out(self, worker: WorkerProcess, what: str) -> None:
        """Takes it out of its place at once: all it is given would fail."""


class Dispatcher:
    """The queue of one task and the fate of what is taken from it."""

    def __init__(
        self,
        *,
        spec: TaskSpec,
        options: PoolOptions,
        place: Workplace,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
    ) -> None:
        self._spec = spec
        self._retry = options.retry
        self._place = place
        self._loop = loop
        self._clock = clock
        self._waiting: deque[Ticket] = deque()
        self._inside: dict[int, WorkerProcess] = {}
        self._fates: set[asyncio.Task[None]] = set()
        self._batch_timer: asyncio.TimerHandle | None = None
        self._deadlines = Deadlines(loop=loop, clock=clock, ring=self._time_is_over)
        self.poison = PoisonRegister(
            deaths=options.retry.poison_deaths, forget_s=options.retry.poison_s, clock=clock
        )

    def follow(self, spec: TaskSpec, options: PoolOptions) -> None:
        """New settings for what comes; inputs that are refused stay refused."""
        self._spec = spec
        self._retry = options.retry

    # --- in ---------------------------------------------------------------------------------------------

    def accept(self, ticket: Ticket) -> None:
        """Takes a request; its future will be done at its deadline at the latest."""
        self._deadlines.add(ticket)
        self._waiting.append(ticket)
        self.pump()

    def withdraw(self, ticket: Ticket) -> None:
        """Nobody waits for it any more: it is not started, or stopped at its next unit of work."""
        if worker := self._inside.get(ticket.id):
            worker.cancel(ticket)  # its deadline still rings: a hang is ended though nobody waits for it
            if ticket.is_step:  # whose deadline is far away
                self._loop.call_later(
                    STEP_STOPS_WITHIN_S, self._kill_if_still_at, worker, ticket, KillReason.ABORTED
                )
        else:
            self._forget(ticket)

    @property
    def waiting(self) -> int:
        """Requests that no worker has yet."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being worked on."""
        return bool(self._waiting or self._inside or self._fates)

    def fail_waiting(self, error: Callable[[], SteadfastError]) -> None:
        """Ends everything that no worker has."""
        while self._waiting:
            self._waiting.popleft().fail(error())

    def find(self, request_id: int) -> Ticket | None:
        """The request of that number, if it is still here."""
        if worker := self._inside.get(request_id):
            return next((ticket for ticket in worker.tickets if ticket.id == request_id), None)
        return next((ticket for ticket in self._waiting if ticket.id == request_id), None)

    # --- out to workers ---------------------------------------------------------------------------------

    def pump(self) -> None:
        """Hands waiting requests to free workers."""
        for slot in self._place.slots:
            if not self._waiting:
                return
            worker = slot.worker
            if worker is None or worker.dying or worker.state is not WorkerState.READY:
                continue
            if tickets := self._take_for(slot, worker):
                self._hand_over(worker, tickets)

    def _take_for(self, slot: Slot, worker: WorkerProcess) -> list[Ticket]:
        first = self._take_first(slot)
        if first is None:
            return []
        most = min(self._spec.max_batch, slot.ladder.point.batch) if self._spec.max_batch > 1 else 1
        if first.alone or most <= 1:
            return [first]
        if self._worth_waiting(first, most):
            self._waiting.appendleft(first)
            return []
        return self._with_company(first, most, worker.arena.request_bytes)

    def _take_first(self, slot: Slot) -> Ticket | None:
        claimed: list[Ticket] = []
        first = None
        while self._waiting and first is None:
            ticket = self._waiting.popleft()
            if ticket.pinned is not None and ticket.pinned is not slot:
                claimed.append(ticket)  # by another place
            elif not ticket.done:
                first = ticket
        self._waiting.extendleft(reversed(claimed))
        return first

    def _with_company(self, first: Ticket, most: int, room_bytes: int) -> list[Ticket]:
        batch = [first]
        room_bytes -= first.payload_bytes
        passed_over: list[Ticket] = []
        while self._waiting and len(batch) < most:
            ticket = self._waiting.popleft()
            if ticket.done:
                continue
            if ticket.alone or ticket.pinned is not None or ticket.payload_bytes > room_bytes:
                passed_over.append(ticket)
                continue
            room_bytes -= ticket.payload_bytes
            batch.append(ticket)
        self._waiting.extendleft(reversed(passed_over))
        return batch

    def _worth_waiting(self, first: Ticket, most: int) -> bool:
        """Whether company may still come within `batch_wait_ms`; looks again when it is over."""
        left_s = first.arrived_at_s + self._spec.batch_wait_ms / 1000.0 - self._clock()
        if left_s <= 0.0 or len(self._waiting) + 1 >= most:
            return False
        if self._batch_timer is None:
            self._batch_timer = self._loop.call_later(left_s, self._batch_is_due)
        return True

    def _batch_is_due(self) -> None:
        self._batch_timer = None
        self.pump()

    def _hand_over(self, worker: WorkerProcess, tickets: list[Ticket]) -> None:
        try:
            worker.dispatch(tickets)
        except ArenaFull:  # sizes are checked before, so only a batch's padding can bring this
            for ticket in reversed(tickets):
                ticket.alone = True
                self._waiting.appendleft(ticket)
            self._loop.call_soon(self.pump)
            return
        for ticket in tickets:
            self._inside[ticket.id] = worker
            if ticket.died_at_s is not None:
                self._tell_of_retry(ticket, ticket.died_at_s)

    def _tell_of_retry(self, ticket: Ticket, died_at_s: float) -> None:
        gap_ms = (ticket.started_at_s - died_at_s) * 1000.0
        fault = Fault.INPUT if ticket.fingerprint else Fault.OUTSIDE
        publish(
            RequestRetried(
                task=self._spec.name,
                request_id=ticket.id,
                attempt=ticket.attempts,
                gap_ms=gap_ms,
                fault=fault,
            )
        )
        ticket.died_at_s = None

    # --- back from workers ------------------------------------------------------------------------------

    def answered(self, worker: WorkerProcess, ticket: Ticket, answer: messages.Finished) -> None:
        """Copies the answer out of the arena. Raises `ValueError` at once if it lies outside."""
        long = answer.fields_at
        fields = bytes(answer.fields) if long is None else worker.arena.read_answer(long)
        blobs = tuple(map(worker.arena.read_answer, answer.blobs))
        lost = _take_file(worker, ticket, answer)
        self._inside.pop(ticket.id, None)
        if ticket.fingerprint is not None:
            self.poison.clear(ticket.fingerprint)
        if lost is not None:
            ticket.fail(lost)
            return
        ticket.succeed(
            Outcome(
                fields=fields,
                blobs=blobs,
                degraded=answer.degraded,
                cost=answer.cost,
                worker=worker.name,
                device_bytes=answer.device_bytes,
                attempts=ticket.attempts,
                waited_ms=(ticket.started_at_s - ticket.arrived_at_s) * 1000.0,
                worked_ms=answer.took_ms,
                started_at_s=ticket.started_at_s,
                spans=tuple(answer.spans),
            )
        )

    def refused(self, worker: WorkerProcess, ticket: Ticket, failure: messages.Failure) -> None:
        """Mends what can be mended and tries again, or passes the error on."""
        self._inside.pop(ticket.id, None)
        error = error_of(failure)
        if is_unexpected(failure):
            publish(
                UnexpectedError(
                    task=self._spec.name,
                    worker=worker.name,
                    request_id=ticket.id,
                    detail=failure.detail,
                    trace=failure.trace,
                )
            )
        if self._mend(worker, ticket, error) and not ticket.done:
            ticket.mended += 1
            self._waiting.appendleft(ticket)
        else:
            ticket.fail(error)

    def _mend(self, worker: WorkerProcess, ticket: Ticket, error: SteadfastError) -> bool:
        """Starts the remedy for `error`; whether the request is worth another try."""
        match error:
            case OutOfMemory():
                hope, ticket.pinned = self._place.memory_ran_out(worker)
                return hope and ticket.mended < _MOST_MENDED
            case InvalidModelOutput():
                publish(AnswerInvalid(task=self._spec.name, worker=worker.name, detail=error.detail))
                self._place.answered_wrongly(worker)
                return ticket.mended < 2
            case ModelDamaged(model=model):
                self._place.model_damaged(worker, model)
                return ticket.mended < 2
            case OutOfHandles():
                self._place.handles_ran_out(worker, error.detail)
                return ticket.mended < 2
        return False

    def orphaned(self, orphans: list[Ticket], report: ExitReport, pinned: Slot | None) -> None:
        """Their worker died; `pinned`: the place that stepped down because of it."""
        now_s = self._clock()
        for ticket in orphans:
            self._inside.pop(ticket.id, None)
            ticket.alone = True
            ticket.died_at_s = now_s
            ticket.pinned = pinned
            if ticket.is_step:
                ticket.fail(_step_crashed(report))
            elif report.fault is Fault.INPUT:
                self._start(self._book_on_input(ticket, report))
            elif not ticket.done:
                self._try_again(ticket, report)

    def unpin(self, slot: Slot) -> None:
        """That place stays empty: anybody may take what waited for it."""
        for ticket in self._waiting:
            if ticket.pinned is slot:
                ticket.pinned = None

    def _try_again(self, ticket: Ticket, report: ExitReport) -> None:
        if ticket.attempts >= self._retry.max_attempts:
            detail = f"The request was given to {ticket.attempts} workers; at last {report.sentence()}."
            ticket.fail(WorkerCrashed(detail))
        else:
            self._waiting.appendleft(ticket)

    async def _book_on_input(self, ticket: Ticket, report: ExitReport) -> None:
        print_ = await self.fingerprint_of(ticket)
        if self.poison.count_death(print_, ticket.outline()):
            publish(InputQuarantined(task=self._spec.name, fingerprint=print_))
            self._refuse(ticket, print_)
            await self._refuse_the_like(ticket, print_)
        elif not ticket.done:
            self._try_again(ticket, report)
        self.pump()

    async def _refuse_the_like(self, dead: Ticket, print_: str) -> None:
        """The same input may wait more than once: none of them may reach a worker."""
        outline = dead.outline()
        for ticket in [other for other in self._waiting if other.outline() == outline]:
            if await self.fingerprint_of(ticket) == print_:
                self._forget(ticket)
                self._refuse(ticket, print_)

    def _refuse(self, ticket: Ticket, print_: str) -> None:
        try:
            self.poison.check(print_)
        except PoisonInput as error:
            ticket.fail(error)

    async def fingerprint_of(self, ticket: Ticket) -> str:
        """Its digest; a large one is taken in a thread."""
        if ticket.carries_files or ticket.payload_bytes > _QUICK_DIGEST_BYTES:
            return await asyncio.to_thread(ticket.take_fingerprint)
        return ticket.take_fingerprint()

    # --- time -------------------------------------------------------------------------------------------

    def _time_is_over(self, ticket: Ticket) -> None:
        ticket.deadlines = None
        worker = self._inside.get(ticket.id)
        where = "while a worker was at it" if worker else "before a worker was free"
        ticket.fail(DeadlineExceeded(f"The time allowed was over {where}."))
        if worker is None:
            self._forget(ticket)
            return
        worker.cancel(ticket)
        self._loop.call_later(self._retry.soft_stop_s, self._kill_if_still_at, worker, ticket)

    def _kill_if_still_at(
        self, worker: WorkerProcess, ticket: Ticket, reason: KillReason = KillReason.DEADLINE
    ) -> None:
        if self._inside.get(ticket.id) is worker and worker.gives_up_on(ticket):
            worker.kill(reason)

    def _forget(self, ticket: Ticket) -> None:
        try:
            self._waiting.remove(ticket)
        except ValueError:
            return
        ticket.ring_no_more()

    def _start(self, fate: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(fate)
        self._fates.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._fates.discard)


def _take_file(worker: WorkerProcess, ticket: Ticket, answer: messages.Finished) -> SteadfastError | None:
    """Moves the file of the answer to where it is wanted; what kept us from it, if anything did.

    Raises `ValueError` for a file that no honest worker names.
    """
    if not answer.file or ticket.deliver_to is None or ticket.done:
        return None
    try:
        take_out(worker.spawned.outbox, answer.file, ticket.deliver_to)
    except OSError as error:
        return declared(error)
    return None


def _step_crashed(report: ExitReport) -> WorkerCrashed:
    """For who owns the job: it counts attempts itself, and only those that the segment is to blame for."""
    return WorkerCrashed(
        f"The worker died during this step: {report.sentence()}.", by_input=report.fault is Fault.INPUT
    )
