"""Spans made from what the parts of the service state: OpenTelemetry hears of work when it is over.

Workers need no network for it: their stages come back with their answers. A span is made with the times that
were measured, on CLOCK_MONOTONIC, which is turned into the wall clock here.
"""

import logging
import time
from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from steadfast.errors import SteadfastError
from steadfast.observability.requests import RequestEnded
from steadfast.runtime.ticket import Outcome

_log = logging.getLogger(__name__)

Attributes = Mapping[str, str | int | float | bool]
_NS_PER_S: Final = 1_000_000_000


class _Headers(Getter[Mapping[str, str]]):
    """Two headers as OpenTelemetry reads them."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        value = carrier.get(key)
        return [value] if value else None

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


_PROPAGATOR: Final = TraceContextTextMapPropagator()
_HEADERS: Final = _Headers()


class Tracing:
    """Makes spans with a tracer, which decides what is recorded and sends it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, method: str, route: str, *, traceparent: str, tracestate: str = "") -> "LiveRequest":
        """A request has come; it goes on with the caller's trace, where it brought one."""
        span = self._tracer.start_span(
            f"{method} {route}",
            context=context_of(traceparent, tracestate),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route, "url.path": route},
        )
        return LiveRequest(span, self)

    def tell_work(
        self, name: str, traceparent: str, outcome: Outcome, attributes: Attributes | None = None
    ) -> None:
        """What a worker did for a request or for a step of a job, with its stages below it."""
        ns, ended_at_s = _WallClock(), outcome.started_at_s + outcome.worked_ms / 1000
        said: dict[str, str | int | float | bool] = {
            "steadfast.worker": outcome.worker,
            "steadfast.attempts": outcome.attempts,
            **(attributes or {}),
        }
        if outcome.degraded:
            said["steadfast.degraded"] = ", ".join(outcome.degraded)
        within = context_of(traceparent)
        if outcome.waited_ms >= _WORTH_A_SPAN_MS:
            began_at_s = outcome.started_at_s - outcome.waited_ms / 1000
            self._span("dispatch", within, ns(began_at_s)).end(ns(outcome.started_at_s))
        span = self._span(name, within, ns(outcome.started_at_s), said)
        self._tell_stages(span, outcome, ns)
        span.end(ns(ended_at_s))

    def tell_failure(
        self, name: str, traceparent: str, error: BaseException, *, began_at_s: float, attributes: Attributes
    ) -> None:
        """Work that was given to the runtime and failed, or was taken back."""
        span = self._span(name, context_of(traceparent), _WallClock()(began_at_s), attributes)
        code = error.code if isinstance(error, SteadfastError) else type(error).__name__
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR, code))
        span.end()

    def tell_job(self, submitted: str, attributes: Attributes, *, took_s: float, code: str) -> None:
        """A job that is over, below the request that submitted it; `code`: of its error."""
        ns, ended_at_s = _WallClock(), time.monotonic()
        span = self._span("job", context_of(submitted), ns(ended_at_s - took_s), attributes)
        if code:
            span.set_attribute("error.type", code)
            span.set_status(Status(StatusCode.ERROR, code))
        span.end(ns(ended_at_s))

    def _tell_stages(self, parent: Span, outcome: Outcome, ns: "_WallClock") -> None:
        """Those of a worker, which is not trusted: nothing of it lies outside the time in which it worked."""
        within, began_at_s = context_of(traceparent_of(parent)), outcome.started_at_s
        ended_at_s = began_at_s + outcome.worked_ms / 1000
        for stage in outcome.spans[:_MOST_STAGES]:
            first = min(max(stage.began_at_s, began_at_s), ended_at_s)
            last = min(max(stage.ended_at_s, first), ended_at_s)
            attributes = {"steadfast.cpu_s": round(stage.cpu_s, 6)} if stage.cpu_s else None
            self._span(stage.name[:40], within, ns(first), attributes).end(ns(last))

    def tell_part(self, name: str, parent: Span, began_at_s: float, took_s: float) -> None:
        """A part of a request that the server itself has measured."""
        if took_s * 1000 >= _WORTH_A_SPAN_MS:
            ns, within = _WallClock(), context_of(traceparent_of(parent))
            self._span(name, within, ns(began_at_s)).end(ns(began_at_s + took_s))

    def _span(
        self,
        name: str,
        within: Context,
        began_at_ns: int,
        attributes: Attributes | None = None,
    ) -> Span:
        return self._tracer.start_span(
            name, context=within, kind=SpanKind.INTERNAL, attributes=attributes, start_time=began_at_ns
        )


_MOST_STAGES: Final = 64
_WORTH_A_SPAN_MS: Final = 0.05


class LiveRequest:
    """One request that is traced."""

    def __init__(self, span: Span, tracing: Tracing) -> None:
        self._span = span
        self._tracing = tracing
        self._began_at_s = time.monotonic()
        self.traceparent = traceparent_of(span)
        self.is_recorded = span.is_recording()

    def end(self, status: int, ended: RequestEnded | None = None) -> None:
        """It is answered. Never raises."""
        try:
            if self.is_recorded:
                self._tell(status, ended)
            self._span.end()
        except Exception:  # noqa: BLE001 — whoever watches must not harm what is watched
            _log.exception("trace not told")

    def _tell(self, status: int, ended: RequestEnded | None) -> None:
        span = self._span
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        if ended is None:
            return
        span.set_attributes(_attributes_of(ended))
        if ended.receive_s:
            self._tracing.tell_part("receive", span, self._began_at_s, ended.receive_s)
        if ended.queue_s:
            self._tracing.tell_part("queue", span, self._began_at_s + ended.receive_s, ended.queue_s)


def _attributes_of(ended: RequestEnded) -> dict[str, str | int | float | bool]:
    told: dict[str, str | int | float | bool] = {
        "steadfast.request_id": ended.request_id,
        "steadfast.task": ended.task,
        "steadfast.outcome": ended.outcome.value,
        "steadfast.engine": ended.engine,
        "steadfast.priority": ended.priority,
        "steadfast.attempts": ended.attempts,
        "steadfast.degraded": ended.degraded,
        "steadfast.pixels": ended.pixels,
        "steadfast.faces": ended.faces,
        "http.request.body.size": ended.bytes_in,
    }
    if ended.code:
        told["error.type"] = ended.code
    return {name: value for name, value in told.items() if value != ""}


def traceparent_of(span: Span) -> str:
    """W3C Trace Context of a span."""
    context = span.get_span_context()
    flags = int(context.trace_flags)
    return f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-{flags:02x}"


def context_of(traceparent: str, tracestate: str = "") -> Context:
    """The context below that span; an empty one for what is no Trace Context."""
    if not traceparent:
        return Context()
    return _PROPAGATOR.extract(
        {"traceparent": traceparent, "tracestate": tracestate}, context=Context(), getter=_HEADERS
    )


class _WallClock:
    """Moments on CLOCK_MONOTONIC as nanoseconds since 1970; one for spans that must fit each other."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def __call__(self, at_s: float) -> int:
        return self._offset_ns + round(at_s * _NS_PER_S)
