"""Each request starts once and ends once in the log."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from steadfast.errors import NoFace, Overloaded
from steadfast.observability.request_log import RequestLog, SlowReason, slow_reason, with_request_id


class Clock:
    """Time by hand, in seconds."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def captured() -> Iterator[list[Any]]:
    capture = LogCapture()
    structlog.configure(processors=[with_request_id, capture])
    yield capture.entries
    structlog.reset_defaults()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_request_makes_two_lines_that_carry_its_id(captured: list[Any], clock: Clock) -> None:
    with RequestLog(slow_ms=1000, clock=clock).begin(request_id="ab" * 8, task="face_swap") as entry:
        clock.now_s += 0.25
        entry.note(faces=2, queue_ms=3.0)
        entry.end(status=200)
    assert captured == [
        {"event": "request_started", "log_level": "info", "request_id": "ab" * 8, "task": "face_swap"},
        {
            "event": "request_ended",
            "log_level": "info",
            "request_id": "ab" * 8,
            "task": "face_swap",
            "faces": 2,
            "queue_ms": 3.0,
            "status": 200,
            "total_ms": 250.0,
        },
    ]


@pytest.mark.parametrize(
    ("error", "status", "code", "level"),
    [
        (NoFace("…"), 422, "no_face", "info"),
        (Overloaded("…", retry_after_s=1.0), 503, "overloaded", "warning"),
        (ValueError("a bug"), 500, "unexpected", "error"),
        (asyncio.CancelledError(), 499, "request_cancelled", "info"),
    ],
)
def test_a_request_that_raises_ends_by_its_error(
    captured: list[Any], error: BaseException, status: int, code: str, level: str
) -> None:
    with pytest.raises(type(error)), RequestLog(slow_ms=1000).begin(request_id="ab" * 8):
        raise error
    ended = captured[-1]
    assert (ended["event"], ended["status"], ended["code"]) == ("request_ended", status, code)
    assert ended["log_level"] == level


def test_a_request_ends_once(captured: list[Any]) -> None:
    with RequestLog(slow_ms=1000).begin(request_id="ab" * 8) as entry:
        entry.end(status=200)
        entry.end(status=500)
    assert [line["event"] for line in captured] == ["request_started", "request_ended"]


def test_the_id_is_bound_inside_and_gone_outside(captured: list[Any]) -> None:
    with RequestLog(slow_ms=1000).begin(request_id="ab" * 8):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    assert captured[1]["request_id"] == "ab" * 8
    assert "request_id" not in captured[-1]


def test_requests_side_by_side_keep_their_ids(captured: list[Any]) -> None:
    log = RequestLog(slow_ms=1000)

    async def serve(name: str) -> None:
        with log.begin(request_id=name):
            await asyncio.sleep(0)
            structlog.get_logger().info(f"inside_{name}")

    async def both() -> None:
        await asyncio.gather(serve("aa"), serve("bb"))

    asyncio.run(both())
    inside = {line["event"]: line["request_id"] for line in captured if line["event"].startswith("inside")}
    assert inside == {"inside_aa": "aa", "inside_bb": "bb"}


def test_a_slow_request_gets_an_event_with_its_reason(captured: list[Any], clock: Clock) -> None:
    with RequestLog(slow_ms=1000, clock=clock).begin(request_id="ab" * 8) as entry:
        clock.now_s += 1.5
        entry.note(queue_ms=1300.0, infer_ms=180.0)
        entry.end(status=200)
    assert captured[-1]["event"] == "request_slow"
    assert captured[-1]["reason"] == "queue"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"receive_ms": 900, "infer_ms": 100}, SlowReason.RECEIVE),
        ({"queue_ms": 900, "infer_ms": 100}, SlowReason.QUEUE),
        ({"decode_ms": 900, "queue_ms": 100}, SlowReason.DECODE),
        ({"infer_ms": 900, "encode_ms": 100}, SlowReason.INFERENCE),
        ({"encode_ms": 900, "infer_ms": 100}, SlowReason.ENCODE),
        ({"infer_ms": 900, "degraded": ["cpu"]}, SlowReason.DEGRADED),
        ({"queue_ms": 900, "degraded": ["cpu"]}, SlowReason.QUEUE),
        ({"degraded": ["cpu"]}, SlowReason.DEGRADED),
        ({"infer_ms": None}, SlowReason.UNKNOWN),
    ],
)
def test_the_reason_is_the_stage_that_took_the_most(fields: dict[str, Any], reason: SlowReason) -> None:
    assert slow_reason(fields) is reason
