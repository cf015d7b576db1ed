"""Spans have the times that were measured, belong to one trace, and stay within what the server saw."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from steadfast.errors import WorkerCrashed
from steadfast.events import publish
from steadfast.jobs.events import JobStateChanged
from steadfast.jobs.job import JobState
from steadfast.observability.requests import RequestEnded
from steadfast.observability.traces.export import TraceExport
from steadfast.observability.traces.traced_runtime import TracedRuntime
from steadfast.observability.traces.tracing import Tracing
from steadfast.runtime.caller import Caller, acting_for
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.ticket import Outcome
from steadfast.spans import SpanRecord
from steadfast.task_steps import Operation, StepRequest, encoded

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REFUSED = CALLERS[:-2] + "00"


class Told:
    """What was exported."""

    def __init__(self, sampled: float = 1.0) -> None:
        self.exporter = InMemorySpanExporter()
        self.export = TraceExport(
            SimpleSpanProcessor(self.exporter), service="steadfast", instance="here", sampled=sampled
        )

    @property
    def tracing(self) -> Tracing:
        return self.export.tracing

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def told() -> Iterator[Told]:
    kept = Told()
    yield kept
    kept.export.close()


def outcome(*spans: SpanRecord, started_at_s: float, worked_ms: float = 100.0, **more: Any) -> Outcome:
    given: dict[str, Any] = {
        "fields": b"",
        "blobs": (),
        "degraded": (),
        "cost": {},
        "worker": "face_swap-1",
        "attempts": 1,
        "waited_ms": 20.0,
        "worked_ms": worked_ms,
        "started_at_s": started_at_s,
        "spans": spans,
    }
    return Outcome(**(given | more))


def ended(**more: Any) -> RequestEnded:
    given: dict[str, Any] = {"request_id": "r1", "route": "/v1/swap", "task": "face_swap", "status": 200}
    return RequestEnded(**(given | {"took_s": 0.2, "receive_s": 0.01, "queue_s": 0.02} | more))


def seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_one_trace_goes_from_http_through_the_queue_and_a_worker_to_its_stages(told: Told) -> None:
    request = told.tracing.begin("POST", "/v1/swap", traceparent=CALLERS)
    now_s = time.monotonic()
    stages = SpanRecord("decode", now_s, now_s + 0.03), SpanRecord("swap", now_s + 0.03, now_s + 0.1)
    told.tracing.tell_work("worker", request.traceparent, outcome(*stages, started_at_s=now_s))
    request.end(200, ended())
    spans = told.spans
    assert set(spans) == {"POST /v1/swap", "receive", "queue", "dispatch", "worker", "decode", "swap"}
    assert {span.context.trace_id for span in spans.values() if span.context} == {int(CALLERS[3:35], 16)}
    root, worker = spans["POST /v1/swap"], spans["worker"]
    assert parent_of(root) == int(CALLERS[36:52], 16)
    for below in ("receive", "queue", "dispatch", "worker"):
        assert parent_of(spans[below]) == id_of(root)
    for below in ("decode", "swap"):
        assert parent_of(spans[below]) == id_of(worker)
    assert seconds(spans["decode"]) == pytest.approx(0.03, abs=0.005)
    assert seconds(spans["queue"]) == pytest.approx(0.02, abs=0.005)
    assert seconds(worker) == pytest.approx(0.1, abs=0.005)
    assert root.start_time is not None
    assert abs(root.start_time / 1e9 - time.time()) < 60


def test_a_caller_that_records_nothing_is_followed(told: Told) -> None:
    request = told.tracing.begin("POST", "/v1/swap", traceparent=REFUSED)
    assert not request.is_recorded
    assert request.traceparent[3:35] == REFUSED[3:35]
    request.end(200, ended())
    assert told.spans == {}


@pytest.mark.parametrize("nonsense", ["", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "hello"])
def test_what_is_no_trace_context_begins_a_new_trace(told: Told, nonsense: str) -> None:
    request = told.tracing.begin("POST", "/v1/swap", traceparent=nonsense)
    assert int(request.traceparent[3:35], 16)
    request.end(200)
    assert told.spans["POST /v1/swap"].parent is None


def test_the_ratio_decides_where_no_caller_has() -> None:
    told = Told(sampled=0.0)
    request = told.tracing.begin("POST", "/v1/swap", traceparent="")
    assert not request.is_recorded
    assert told.tracing.begin("POST", "/v1/swap", traceparent=CALLERS).is_recorded
    told.export.close()


def test_stages_of_a_worker_lie_within_its_work_whatever_it_says(told: Told) -> None:
    now_s = time.monotonic()
    lies = [SpanRecord("early", now_s - 1e6, now_s - 1e5), SpanRecord("late", now_s + 0.05, now_s + 1e9)]
    lies += [SpanRecord("backwards", now_s + 0.05, now_s), SpanRecord("x" * 5000, now_s, now_s)] * 500
    told.tracing.tell_work("worker", CALLERS, outcome(*lies, started_at_s=now_s))
    spans = told.spans
    worker = spans["worker"]
    for span in (spans["early"], spans["late"], spans["backwards"]):
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.end_time >= span.start_time
        assert abs(span.start_time - (worker.start_time or 0)) < 2e8
        assert abs(span.end_time - (worker.end_time or 0)) < 2e8
    assert max(map(len, spans)) <= 40
    assert len(told.exporter.get_finished_spans()) < 100


def test_a_request_that_failed_on_our_side_is_an_error_and_a_callers_fault_is_none(told: Told) -> None:
    told.tracing.begin("POST", "/a", traceparent="").end(503, ended(status=503, code="overloaded"))
    told.tracing.begin("POST", "/b", traceparent="").end(422, ended(status=422, code="no_face"))
    spans = told.spans
    assert spans["POST /a"].status.status_code is StatusCode.ERROR
    assert attributes_of(spans["POST /a"])["error.type"] == "overloaded"
    assert spans["POST /b"].status.status_code is StatusCode.UNSET
    assert attributes_of(spans["POST /b"])["steadfast.outcome"] == "caller_error"


class Working:
    """A runtime that answers, or fails, at once."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def submit(self, *_: Any, **__: Any) -> Outcome:
        if self.error is not None:
            raise self.error
        return outcome(started_at_s=time.monotonic())

    async def carry_out(self, task: str, step: StepCall) -> Outcome:
        return await self.submit()


def call(runtime: Working, told: Told, traceparent: str, step: StepCall | None = None) -> None:
    async def calling() -> None:
        traced = TracedRuntime(runtime, told.tracing, told.export.jobs)  # type: ignore[arg-type]
        with acting_for(Caller(job_id="job_1" if step else "", traceparent=traceparent)):
            if step is None:
                await traced.submit("face_swap", msgspec.defstruct("Nothing", [])())
            else:
                await traced.carry_out("face_swap", step)

    asyncio.run(calling())


def test_each_step_of_a_job_is_a_span_of_the_trace_it_was_submitted_in(told: Told) -> None:
    for operation in (Operation.PLAN, Operation.SEGMENT, Operation.JOIN):
        request = StepRequest(options=encoded({}), order=encoded(None), inputs=(), parts=())
        call(Working(), told, CALLERS, StepCall(operation=operation, request=request, number=7))
    spans = told.spans
    assert {"job plan", "job segment", "job join"} <= set(spans)
    assert attributes_of(spans["job segment"])["steadfast.segment"] == 7
    assert attributes_of(spans["job join"])["steadfast.job"] == "job_1"
    assert "steadfast.segment" not in attributes_of(spans["job join"])


def test_work_that_failed_is_told_with_its_code_and_raised(told: Told) -> None:
    with pytest.raises(WorkerCrashed):
        call(Working(WorkerCrashed("It fell.")), told, CALLERS)
    span = told.spans["worker"]
    assert span.status.status_code is StatusCode.ERROR
    assert attributes_of(span)["error.type"] == WorkerCrashed.code


def test_work_without_a_trace_passes_through(told: Told) -> None:
    call(Working(), told, "")
    assert told.spans == {}


def test_a_job_is_one_span_below_its_submission_and_above_its_steps(told: Told) -> None:
    request = StepRequest(options=encoded({}), order=encoded(None), inputs=(), parts=())
    call(Working(), told, CALLERS, StepCall(operation=Operation.PLAN, request=request, number=0))
    for job_id, after in (
        ("job_1", JobState.RUNNING),
        ("job_2", JobState.FAILED),
        ("job_1", JobState.FAILED),
    ):
        publish(
            JobStateChanged(
                job_id=job_id,
                owner="",
                task="face_swap",
                event_id=1,
                before=JobState.QUEUED,
                after=after,
                code="no_face",
                took_s=3.0,
            )
        )
    job, plan = told.spans["job"], told.spans["job plan"]
    assert len([span for span in told.exporter.get_finished_spans() if span.name == "job"]) == 1
    assert job.parent is not None
    assert plan.parent is not None
    assert job.context is not None
    assert format(job.parent.span_id, "016x") == CALLERS[36:52]
    assert plan.parent.span_id == job.context.span_id
    assert job.context.trace_id == int(CALLERS[3:35], 16)
    assert job.end_time is not None
    assert job.start_time is not None
    assert job.end_time - job.start_time == pytest.approx(3e9, rel=0.01)
    assert (job.status.status_code, attributes_of(job)["error.type"]) == (StatusCode.ERROR, "no_face")
