"""What routes have noted of a request becomes the one fact of its end, in seconds."""

from types import SimpleNamespace
from typing import Any

from steadfast.api.endings import request_ended
from steadfast.observability.requests import RequestEnded, RequestOutcome, SizeClass

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def ended(status: int = 200, code: str | None = None, traceparent: str = "", **noted: Any) -> RequestEnded:
    exchange: Any = SimpleNamespace(
        request_id=b"r1", path="/v1/swap", status=status, code=code, traceparent=traceparent, noted=noted
    )
    return request_ended(exchange, 0.5)


def test_times_that_were_noted_in_milliseconds_are_stated_in_seconds() -> None:
    found = ended(
        task="face_swap",
        receive_ms=1.0,
        queue_ms=20.0,
        worked_ms=300.0,
        decode_ms=50.0,
        infer_ms=200.0,
        encode_ms=50.0,
        predicted_ms=250.0,
    )
    parts = (
        found.receive_s,
        found.queue_s,
        found.worked_s,
        found.decode_s,
        found.inference_s,
        found.encode_s,
    )
    assert parts == (0.001, 0.02, 0.3, 0.05, 0.2, 0.05)
    assert (found.took_s, found.predicted_s) == (0.5, 0.25)


def test_what_nobody_noted_is_not_made_up() -> None:
    found = ended(status=503, code="overloaded")
    assert (found.task, found.engine, found.attempts, found.frames) == ("", "", 0, 0)
    assert (found.identity, found.predicted_s) == (None, None)
    assert found.outcome is RequestOutcome.SHED
    assert found.size_class is SizeClass.UNKNOWN


def test_an_answer_that_gave_something_up_is_degraded() -> None:
    assert ended(degraded=("smaller side",)).outcome is RequestOutcome.DEGRADED
    assert ended(degraded=()).outcome is RequestOutcome.OK


def test_a_trace_of_our_own_goes_before_the_callers() -> None:
    assert ended(traceparent=TRACE).trace_id == TRACE[3:35]
    ours = TRACE.replace("0af7", "ffff")
    assert ended(traceparent=TRACE, pixels=2e6).size_class is SizeClass.MEDIUM
    exchange: Any = SimpleNamespace(
        request_id=b"r", path="/", status=200, code=None, traceparent=TRACE, noted={"traceparent": ours}
    )
    assert request_ended(exchange, 0.1).trace_id == ours[3:35]
