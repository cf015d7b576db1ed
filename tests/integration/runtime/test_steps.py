"""Steps of jobs in real workers: files go in and come out, and a death is told, not hidden."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil
import pytest
from tests.fault_task import Toil
from tests.runtime_house import House, house, run

from steadfast.errors import PinLost, ServiceError, WorkerCrashed
from steadfast.runtime.dispatcher import STEP_STOPS_WITHIN_S
from steadfast.runtime.outbox import remove_old_outboxes
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.ticket import Outcome
from steadfast.task_steps import (
    JobPlan,
    JoinDone,
    JoinOrder,
    Operation,
    PlannedSegment,
    SegmentDone,
    SegmentOrder,
    StepRequest,
    encoded,
)

MIB = 1 << 20
TEXT = b"every segment is done once"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "input").write_bytes(TEXT)
    return tmp_path


async def step(
    it: House,
    operation: Operation,
    toil: Toil,
    order: msgspec.Struct | None = None,
    *,
    folder: Path,
    parts: Sequence[Path] = (),
    to: str = "",
    seen: list[tuple[int, int | None]] | None = None,
) -> Outcome:
    request = StepRequest(
        options=encoded(toil),
        order=encoded(order),
        inputs=(str(folder / "input"),),
        parts=tuple(map(str, parts)),
    )
    note = seen if seen is not None else []
    call = StepCall(
        operation=operation,
        request=request,
        deliver_to=folder / to if to else None,
        on_progress=lambda done, total: note.append((done, total)),
    )
    return await it.supervisor.carry_out("fault", call)


def order_of(plan: JobPlan, index: int) -> SegmentOrder:
    return SegmentOrder(segment=plan.segments[index], pin=plan.pin)


def test_a_job_is_planned_done_and_joined_by_workers_that_can_write_only_their_outbox(folder: Path) -> None:
    async def test() -> None:
        async with house(folder=folder, workers=2, spares=0) as it:
            toil = Toil(per_segment=5)
            plan = (await step(it, Operation.PLAN, toil, folder=folder)).decode(JobPlan)
            assert plan.units == len(TEXT)
            told: list[tuple[int, int | None]] = []
            outcomes = await asyncio.gather(
                *(
                    step(it, Operation.SEGMENT, toil, order_of(plan, i), folder=folder, to=f"p{i}", seen=told)
                    for i in range(len(plan.segments))
                )
            )
            notes = tuple(outcome.decode(SegmentDone).note for outcome in outcomes)
            parts = [folder / f"p{i}" for i in range(len(plan.segments))]
            join = JoinOrder(pin=plan.pin, notes=notes)
            joined = await step(it, Operation.JOIN, toil, join, folder=folder, parts=parts, to="result")
            assert joined.decode(JoinDone).units == len(TEXT)
            assert (folder / "result").read_bytes() == TEXT.upper()
            assert told, "progress is what renews a lease"
            assert {outcome.worker for outcome in outcomes} == {"fault-1", "fault-2"}

    run(test())
    assert not list(folder.glob("worker-*")), "outboxes end with their workers"


@pytest.mark.parametrize(("do", "by_input"), [("segfault", True), ("kill_self", False)])
def test_a_death_in_a_step_is_told_at_once_with_its_fault(folder: Path, do: str, by_input: bool) -> None:
    async def test() -> None:
        async with house(folder=folder) as it:
            plan = (await step(it, Operation.PLAN, Toil(), folder=folder)).decode(JobPlan)
            toil = Toil(do=do, at=1)
            with pytest.raises(WorkerCrashed) as caught:
                await step(it, Operation.SEGMENT, toil, order_of(plan, 1), folder=folder, to="p1")
            assert caught.value.by_input is by_input
            assert not (folder / "p1").exists(), "half a file is no file"
            for _ in range(3):  # however often it kills, another segment of the job is not refused
                with pytest.raises(WorkerCrashed):
                    await step(it, Operation.SEGMENT, toil, order_of(plan, 1), folder=folder, to="p1")
            await step(it, Operation.SEGMENT, toil, order_of(plan, 0), folder=folder, to="p0")

    run(test())


def test_a_step_that_is_taken_back_ends_within_a_second_even_if_it_hangs(folder: Path) -> None:
    async def test() -> None:
        async with house(folder=folder, spares=0) as it:
            plan = (await step(it, Operation.PLAN, Toil(), folder=folder)).decode(JobPlan)
            for toil in (Toil(seconds=0.05, per_segment=100), Toil(do="hang")):
                order = SegmentOrder(segment=PlannedSegment(index=0, units=20, brief=b"0"), pin=plan.pin)
                call = asyncio.create_task(step(it, Operation.SEGMENT, toil, order, folder=folder, to="p0"))
                await it.until(lambda: it.pool.busy == 1)
                call.cancel()
                await it.until(lambda: it.pool.busy == 0)
                assert not (folder / "p0").exists()

    run(test())
    # What is left of the second is for the machine, which a test cannot hold to anything.
    assert STEP_STOPS_WITHIN_S < 1.0


def test_errors_of_a_step_keep_their_class(folder: Path) -> None:
    async def test() -> None:
        async with house(folder=folder, spares=0, config={"pin": "another"}) as it:
            order = SegmentOrder(
                segment=PlannedSegment(index=0, units=1, brief=b"0"), pin={"engine": "as ever"}
            )
            with pytest.raises(PinLost):
                await step(it, Operation.SEGMENT, Toil(), order, folder=folder, to="p0")
            order = SegmentOrder(segment=order.segment, pin={"engine": "another"})
            with pytest.raises(ServiceError):  # there is no such folder
                await step(it, Operation.SEGMENT, Toil(), order, folder=folder, to="no/such/folder")
            await step(it, Operation.SEGMENT, Toil(), order, folder=folder, to="p0")

    run(test())


def test_what_a_step_leaves_in_cycles_is_gone_before_the_next(folder: Path) -> None:
    async def test() -> None:
        async with house(folder=folder, spares=0) as it:
            toil = Toil(do="tangle")
            plan = (await step(it, Operation.PLAN, toil, folder=folder)).decode(JobPlan)
            (worker,) = map(psutil.Process, it.pids())
            before = worker.memory_info().rss
            for _ in range(6):
                await step(it, Operation.SEGMENT, toil, order_of(plan, 0), folder=folder, to="p0")
            # The answer goes out before the collector comes, so what the last one left may still be there.
            assert worker.memory_info().rss - before < 128 * MIB

    run(test())


def test_a_join_of_thousands_of_parts_fits(folder: Path) -> None:
    async def test() -> None:
        parts = [folder / f"{i:06}-{'x' * 80}" for i in range(3000)]
        for part in parts:
            part.write_bytes(b".")
        async with house(folder=folder, spares=0) as it:
            order = JoinOrder(pin={}, notes=tuple(b"%d" % i for i in range(3000)))
            outcome = await step(it, Operation.JOIN, Toil(), order, folder=folder, parts=parts, to="result")
            assert outcome.decode(JoinDone).units == 3000

    run(test())


def test_what_a_killed_server_left_in_outboxes_is_removed(tmp_path: Path) -> None:
    (tmp_path / "worker-abc").mkdir()
    (tmp_path / "worker-abc" / "7").write_bytes(b"half")
    (tmp_path / "mine").mkdir()
    remove_old_outboxes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
