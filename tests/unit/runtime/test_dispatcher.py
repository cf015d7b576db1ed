"""Who waits, who is handed over, and what becomes of them; with workers that only remember."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.errors import DeadlineExceeded, NoFace, OutOfHandles, PoisonInput, WorkerCrashed
from steadfast.runtime import messages
from steadfast.runtime.degradation import Ladder
from steadfast.runtime.dispatcher import Dispatcher
from steadfast.runtime.exit_reason import Cause, ExitReport, KillReason
from steadfast.runtime.failure import failure_of
from steadfast.runtime.options import Device, PoolOptions, RetryOptions
from steadfast.runtime.slot import Slot
from steadfast.runtime.states import WorkerState
from steadfast.runtime.ticket import Ticket
from steadfast.runtime.worker_process import WorkerProcess
from steadfast.task import OperatingPoint, TaskSpec

SEGFAULT = ExitReport(pid=1, cause=Cause.SIGNALLED, signal_name="SIGSEGV", requests_inside=1)
SIGKILL = ExitReport(pid=1, cause=Cause.SIGNALLED, signal_name="SIGKILL", requests_inside=1)


class _Arena:
    request_bytes = 1100

    def read_answer(self, place: messages.Slice) -> bytes:
        if place.offset < 0:
            raise ValueError("outside")
        return b"answer"


@dataclass(eq=False)
class Worker:
    """Remembers what it was handed."""

    name: str = "w"
    state: WorkerState = WorkerState.READY
    dying: bool = False
    level: int = 0
    handed: list[list[int]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    killed: list[KillReason] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    arena: _Arena = field(default_factory=_Arena)

    def dispatch(self, tickets: list[Ticket]) -> None:
        self.state = WorkerState.BUSY
        self.tickets = tickets
        self.handed.append([ticket.id for ticket in tickets])
        for ticket in tickets:
            ticket.attempts += 1

    def cancel(self, ticket: Ticket) -> None:
        self.cancelled.append(ticket.id)

    def gives_up_on(self, ticket: Ticket) -> bool:
        return ticket in self.tickets and all(other.done for other in self.tickets)

    def kill(self, reason: KillReason) -> None:
        self.killed.append(reason)

    def as_process(self) -> WorkerProcess:
        return cast(WorkerProcess, self)


class Place:
    """Two places, and a memory of which remedies were asked for."""

    def __init__(self, clock: Clock, points: list[OperatingPoint]) -> None:
        self.workers = [Worker("a"), Worker("b")]
        self.asked: list[str] = []
        self.slots: list[Slot] = []
        for index, worker in enumerate(self.workers):
            ladder = Ladder(quiet_s=9, clock=clock)
            ladder.learn(points)
            slot = Slot(index=index, name=worker.name, device=Device(), ladder=ladder)
            slot.worker = worker.as_process()
            self.slots.append(slot)

    def memory_ran_out(self, worker: WorkerProcess) -> tuple[bool, Slot | None]:
        self.asked.append("memory")
        slot = next(slot for slot in self.slots if slot.worker is worker)
        return slot.ladder.step_down(), slot

    def answered_wrongly(self, worker: WorkerProcess) -> None:
        self.asked.append("wrong")

    def model_damaged(self, worker: WorkerProcess, model: str | None) -> None:
        self.asked.append(f"model {model}")

    def handles_ran_out(self, worker: WorkerProcess, what: str) -> None:
        self.asked.append("handles")


class Desk:
    """A dispatcher with its surroundings."""

    def __init__(self, *, workers: int = 2, max_batch: int = 1) -> None:
        self.clock = Clock()
        self.place = Place(self.clock, [OperatingPoint(batch=8), OperatingPoint(batch=1)])
        for slot in self.place.slots[workers:]:
            slot.worker = None
        options = PoolOptions(retry=RetryOptions(max_attempts=3, soft_stop_s=0.0))
        self.dispatcher = Dispatcher(
            spec=TaskSpec(name="t", path="", max_batch=max_batch),
            options=options,
            place=self.place,
            loop=asyncio.get_running_loop(),
            clock=self.clock,
        )

    @property
    def first(self) -> Worker:
        return self.place.workers[0]

    def send(self, number: int, *, size: int = 10, deadline_s: float = 100.0) -> Ticket:
        ticket = Ticket(
            id=number,
            task="t",
            fields=b"",
            blobs=([b"x" * size],),
            deadline_at_s=self.clock() + deadline_s,
            arrived_at_s=self.clock(),
            future=asyncio.get_running_loop().create_future(),
        )
        self.dispatcher.accept(ticket)
        return ticket

    def answer(self, worker: Worker, ticket: Ticket) -> None:
        blobs = [messages.Slice(0, 1)]
        finished = messages.Finished(ticket.id, messages.raw(None), None, blobs, 1.0, {}, (), 0)
        self.dispatcher.answered(worker.as_process(), ticket, finished)
        worker.tickets.remove(ticket)
        if not worker.tickets:
            worker.state = WorkerState.READY
            self.dispatcher.pump()

    def refuse(self, worker: Worker, ticket: Ticket, error: Exception) -> None:
        self.dispatcher.refused(worker.as_process(), ticket, failure_of(error))
        worker.state = WorkerState.READY

    def die(self, worker: Worker, report: ExitReport, pinned: Slot | None = None) -> None:
        orphans, worker.tickets = worker.tickets, []
        worker.state = WorkerState.READY  # the spare, which looks just like it
        self.dispatcher.orphaned(orphans, report, pinned)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_requests_go_to_free_places_in_the_order_they_came() -> None:
    async def test() -> None:
        desk = Desk()
        tickets = [desk.send(number) for number in range(4)]
        assert [worker.handed for worker in desk.place.workers] == [[[0]], [[1]]]
        desk.answer(desk.place.workers[1], tickets[1])
        assert desk.place.workers[1].handed == [[1], [2]]
        assert (await tickets[1].future).blobs == (b"answer",)
        assert desk.dispatcher.waiting == 1

    run(test())


def test_a_request_whose_worker_died_goes_before_those_that_wait() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        first, _ = desk.send(1), desk.send(2)
        desk.die(desk.first, SIGKILL)
        desk.dispatcher.pump()
        assert desk.first.handed == [[1], [1]]
        desk.answer(desk.first, first)
        assert (await first.future).attempts == 2

    run(test())


def test_two_deaths_booked_on_an_input_refuse_it_and_its_like_that_wait() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        killer, other, like = desk.send(1, size=10), desk.send(2, size=11), desk.send(3, size=10)
        for _ in range(2):
            desk.die(desk.first, SEGFAULT)
            await settle()
        for refused in (killer, like):
            with pytest.raises(PoisonInput):
                refused.future.result()
        assert desk.first.handed == [[1], [1], [2]]
        assert not other.done

    run(test())


def test_deaths_from_outside_end_after_as_many_tries_as_are_allowed() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        ticket = desk.send(1)
        for _ in range(3):
            desk.die(desk.first, SIGKILL)
            desk.dispatcher.pump()
        with pytest.raises(WorkerCrashed, match="3 workers"):
            ticket.future.result()
        assert desk.dispatcher.poison.refused == 0

    run(test())


def test_companions_are_taken_up_to_the_batch_and_the_room() -> None:
    async def test() -> None:
        desk = Desk(workers=1, max_batch=3)
        desk.send(0)
        for number, size in enumerate((400, 500, 200, 10), start=1):
            desk.send(number, size=size)
        desk.answer(desk.first, desk.first.tickets[0])
        assert desk.first.handed == [[0], [1, 2, 4]]
        assert desk.dispatcher.waiting == 1

    run(test())


def test_who_was_in_a_worker_that_died_gets_no_company_again() -> None:
    async def test() -> None:
        desk = Desk(workers=1, max_batch=4)
        desk.send(0)
        for number in (1, 2, 3):
            desk.send(number)
        desk.answer(desk.first, desk.first.tickets[0])
        desk.die(
            desk.first, ExitReport(pid=1, cause=Cause.SIGNALLED, signal_name="SIGSEGV", requests_inside=3)
        )
        desk.dispatcher.pump()
        desk.answer(desk.first, desk.first.tickets[0])
        assert [len(batch) for batch in desk.first.handed] == [1, 3, 1, 1]

    run(test())


def test_a_lower_step_of_the_ladder_means_smaller_batches() -> None:
    async def test() -> None:
        desk = Desk(workers=1, max_batch=4)
        desk.send(0)
        for number in (1, 2):
            desk.send(number)
        desk.place.slots[0].ladder.step_down()
        desk.answer(desk.first, desk.first.tickets[0])
        assert desk.first.handed == [[0], [1]]

    run(test())


def test_out_of_memory_waits_for_the_place_that_stepped_down_for_it() -> None:
    async def test() -> None:
        desk = Desk()
        ticket = desk.send(1)
        desk.refuse(desk.first, ticket, MemoryError())
        desk.first.state = WorkerState.LOADING  # it goes to the lower step
        desk.dispatcher.pump()
        assert desk.place.workers[1].handed == []
        desk.first.state = WorkerState.READY
        desk.dispatcher.pump()
        assert desk.first.handed == [[1], [1]]

    run(test())


def test_what_is_claimed_by_another_place_keeps_its_turn() -> None:
    async def test() -> None:
        desk = Desk()
        claimed = desk.send(1)
        desk.send(2)
        desk.die(desk.first, SIGKILL, pinned=desk.place.slots[0])
        desk.first.state = WorkerState.LOADING
        desk.send(3)
        desk.send(4)
        desk.answer(desk.place.workers[1], desk.place.workers[1].tickets[0])
        assert desk.place.workers[1].handed == [[2], [3]]
        desk.first.state = WorkerState.READY
        desk.dispatcher.pump()
        assert desk.first.handed[-1] == [claimed.id]

    run(test())


def test_a_place_that_stays_empty_gives_up_its_claim() -> None:
    async def test() -> None:
        desk = Desk()
        ticket = desk.send(1)
        desk.die(desk.first, SIGKILL, pinned=desk.place.slots[0])
        desk.place.slots[0].worker = None
        desk.dispatcher.pump()
        assert desk.place.workers[1].handed == []
        desk.dispatcher.unpin(desk.place.slots[0])
        desk.dispatcher.pump()
        assert desk.place.workers[1].handed == [[ticket.id]]

    run(test())


def test_who_met_a_worker_without_handles_is_served_by_another() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        ticket = desk.send(1)
        desk.refuse(desk.first, ticket, OutOfHandles("none left"))
        assert desk.place.asked == ["handles"]
        assert desk.dispatcher.waiting == 1
        assert not ticket.done

    run(test())


def test_what_the_caller_did_wrong_is_passed_on_and_not_tried_again() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        ticket = desk.send(1)
        desk.refuse(desk.first, ticket, NoFace("none"))
        with pytest.raises(NoFace):
            ticket.future.result()
        assert desk.dispatcher.waiting == 0
        assert desk.place.asked == []

    run(test())


def test_at_the_deadline_the_caller_is_told_and_the_worker_stopped_then_killed() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        ticket = desk.send(1, deadline_s=0.0)
        await asyncio.sleep(0.01)
        with pytest.raises(DeadlineExceeded, match="worker was at it"):
            ticket.future.result()
        assert desk.first.cancelled == [1]
        assert desk.first.killed == [KillReason.DEADLINE]

    run(test())


def test_a_companion_with_time_left_protects_the_worker() -> None:
    async def test() -> None:
        desk = Desk(workers=1, max_batch=2)
        desk.send(0)
        late, patient = desk.send(1, deadline_s=0.005), desk.send(2)
        desk.answer(desk.first, desk.first.tickets[0])
        await asyncio.sleep(0.02)
        assert late.done
        assert not patient.done
        assert desk.first.killed == []

    run(test())


def test_whoever_goes_away_while_waiting_is_forgotten() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        desk.send(1)
        waiting = desk.send(2)
        desk.dispatcher.withdraw(waiting)
        assert desk.dispatcher.waiting == 0
        assert desk.dispatcher.find(1) is not None
        assert desk.dispatcher.find(2) is None

    run(test())


def test_a_forged_place_in_an_answer_changes_nothing() -> None:
    async def test() -> None:
        desk = Desk(workers=1)
        ticket = desk.send(1)
        forged = messages.Finished(1, messages.raw(None), None, [messages.Slice(-1, 1)], 1.0, {}, (), 0)
        with pytest.raises(ValueError, match="outside"):
            desk.dispatcher.answered(desk.first.as_process(), ticket, forged)
        assert not ticket.done
        assert desk.dispatcher.busy

    run(test())
