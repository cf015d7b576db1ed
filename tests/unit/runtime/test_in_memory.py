"""The twin answers like the real thing, so that what stands above can be tested without processes."""

import asyncio

import pytest
from tests.fault_task import Act, Done, FaultTask

from steadfast.errors import DeadlineExceeded, NoFace, OutOfHostMemory, ServiceError, ShuttingDown
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.runtime.port import Runtime
from steadfast.runtime.supervisor import Supervisor


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
