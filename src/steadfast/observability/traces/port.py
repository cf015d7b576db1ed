"""What HTTP asks of traces; `tracing.Tracing` is it, and the only part that knows OpenTelemetry."""

from typing import Protocol

from steadfast.observability.requests import RequestEnded


class RequestTrace(Protocol):
    """One request that is traced."""

    @property
    def traceparent(self) -> str:
        """W3C Trace Context of its span: what is done for it goes below that one."""

    @property
    def is_recorded(self) -> bool:
        """Whether it was chosen, by whoever called or by the ratio."""

    def end(self, status: int, ended: RequestEnded | None = None) -> None:
        """It is answered; `ended`: what is known of one that worked. Never raises."""


class Traces(Protocol):
    """Begins traces."""

    def begin(self, method: str, route: str, *, traceparent: str, tracestate: str = "") -> RequestTrace:
        """A request has come; it goes on with the caller's trace, where it brought one. Never raises."""
