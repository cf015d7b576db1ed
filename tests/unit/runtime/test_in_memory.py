"""The twin answers like the real thing, so that what stands above can be tested without processes."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.fault_task import Act, Done, FaultTask, Toil

from steadfast.errors import (
    DeadlineExceeded,
    NoFace,
    OutOfHostMemory,
    PinLost,
    ServiceError,
    ShuttingDown,
)
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.runtime.port import Runtime
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.supervisor import Supervisor
from steadfast.task_steps import (
    JobPlan,
    JoinOrder,
    Operation,
    SegmentDone,
    SegmentOrder,
    StepRequest,
    encoded,
)


@pytest.fixture
def twin() -> InMemoryRuntime:
    runtime = InMemoryRuntime({"fault": FaultTask({})})
    asyncio.run(runtime.start())
    return runtime


def test_both_fill_the_same_contract(twin: InMemoryRuntime) -> None:
    filled: list[Runtime] = [twin, Supervisor([])]
    assert len(filled) == 2


def test_bytes_come_back_as_they_went(twin: InMemoryRuntime) -> None:
    outcome = asyncio.run(twin.submit("fault", Act(), [[b"ab", memoryview(b"c")]]))
    assert outcome.blobs == (b"abc",)
    assert outcome.decode(Done).sizes == [3]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (Act(do="no_face"), NoFace),
        (Act(do="bug"), ServiceError),
        (Act(do="memory_error"), OutOfHostMemory),
        (Act(do="units", seconds=0.5), DeadlineExceeded),
    ],
)
def test_errors_are_those_of_the_real_thing(twin: InMemoryRuntime, act: Act, error: type[Exception]) -> None:
    with pytest.raises(error):
        asyncio.run(twin.submit("fault", act, deadline_s=0.05))


def test_stopped_it_takes_nothing_new(twin: InMemoryRuntime) -> None:
    asyncio.run(twin.stop(grace_s=1))
    with pytest.raises(ShuttingDown):
        asyncio.run(twin.submit("fault", Act()))
    assert twin.snapshot().stopping


def test_a_test_can_make_it_unready(twin: InMemoryRuntime) -> None:
    ready = [twin.snapshot().pool("fault").ready]
    twin.why_not_ready = "no worker is loaded"
    ready.append(twin.snapshot().pool("fault").ready)
    assert ready == [True, False]


def test_steps_of_a_job_make_files_as_in_workers(twin: InMemoryRuntime, tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"in capitals")
    told: list[int] = []

    def call(operation: Operation, order: msgspec.Struct | None, to: str, *parts: Path) -> StepCall:
        request = StepRequest(
            options=encoded(Toil(per_segment=100)),
            order=encoded(order),
            inputs=(str(tmp_path / "input"),),
            parts=tuple(map(str, parts)),
        )
        return StepCall(
            operation=operation,
            request=request,
            deliver_to=tmp_path / to if to else None,
            on_progress=lambda done, total: told.append(done),
        )

    plan = asyncio.run(twin.carry_out("fault", call(Operation.PLAN, None, ""))).decode(JobPlan)
    order = SegmentOrder(segment=plan.segments[0], pin=plan.pin)
    done = asyncio.run(twin.carry_out("fault", call(Operation.SEGMENT, order, "part"))).decode(SegmentDone)
    join = JoinOrder(pin=plan.pin, notes=(done.note,))
    asyncio.run(twin.carry_out("fault", call(Operation.JOIN, join, "result", tmp_path / "part")))
    assert (tmp_path / "result").read_bytes() == b"IN CAPITALS"
    assert told[-1] == 1
    wrong = SegmentOrder(segment=plan.segments[0], pin={"engine": "another"})
    with pytest.raises(PinLost):
        asyncio.run(twin.carry_out("fault", call(Operation.SEGMENT, wrong, "part")))
