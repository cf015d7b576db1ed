"""Every message survives the way through msgpack, and only declared ones do."""

import msgspec
import pytest

from steadfast.runtime import messages as m
from steadfast.task import CanaryVerdict, OperatingPoint, Rung

RAW = m.raw({"a": 1})
POINT = OperatingPoint(rung=Rung.CPU, degraded=("on the CPU",))

TO_SERVER: list[m.ToServer] = [
    m.Hello(1, {"landlock": "on"}),
    m.Loaded([POINT], 0, CanaryVerdict(passed=True), 1.0, 2.0, 0),
    m.NotLoaded(m.Failure(code="x", detail="y", model="z"), []),
    m.Progressed(1, 2, None),
    m.Finished(1, RAW, None, [m.Slice(0, 1)], 1.0, {"pixels": 2.0}, ("smaller",), 3),
    m.Finished(1, m.raw(None), m.Slice(4, 5), [], 1.0, {}, (), 0),
    m.Failed(1, m.Failure(code="x", detail="y")),
    m.CanaryDone(CanaryVerdict(passed=False, detail="NaN"), 1.0),
    m.Released(),
]
TO_WORKER: list[m.ToWorker] = [
    m.Load(0),
    m.Run([m.Item(1, RAW, [m.Slice(0, 1), m.ServerFile("/scratch/a")], 12.5)]),
    m.Cancel(1),
    m.Adjust(2),
    m.CheckCanary(),
    m.ReleaseMemory(),
    m.Retitle("worker"),
    m.Stop(),
]


@pytest.mark.parametrize("message", TO_SERVER, ids=lambda x: type(x).__name__)
def test_what_a_worker_says_arrives_as_it_was(message: m.ToServer) -> None:
    there = m.decode_for_server(m.encode(message))
    assert type(there) is type(message)
    assert m.encode(there) == m.encode(message)


@pytest.mark.parametrize("message", TO_WORKER, ids=lambda x: type(x).__name__)
def test_what_the_server_says_arrives_as_it_was(message: m.ToWorker) -> None:
    there = m.decode_for_worker(m.encode(message))
    assert type(there) is type(message)
    assert m.encode(there) == m.encode(message)


def test_a_worker_cannot_say_what_only_the_server_may() -> None:
    with pytest.raises(msgspec.ValidationError):
        m.decode_for_server(m.encode(m.Stop()))


def test_wrong_types_inside_a_message_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        m.decode_for_server(m.encode(["Progressed", "one", 2, 3]))


def test_a_message_that_is_cut_off_is_refused() -> None:
    data = m.encode(TO_SERVER[4])
    for length in range(len(data)):
        with pytest.raises(msgspec.DecodeError):
            m.decode_for_server(data[:length])


def test_the_tasks_own_fields_travel_unopened() -> None:
    item = m.decode_for_worker(m.encode(TO_WORKER[1]))
    assert isinstance(item, m.Run)
    assert bytes(item.items[0].fields) == bytes(RAW)
