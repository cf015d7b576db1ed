"""Sends spans by OTLP over HTTP, from a thread of its own: a slow receiver holds up nobody."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from steadfast import __version__
from steadfast.observability.traces.job_traces import ChosenIds, JobTraces
from steadfast.observability.traces.tracing import Tracing

_EXPORT_WITHIN_S = 5.0


class TraceExport:
    """What sends; lives as long as the server."""

    def __init__(self, processor: SpanProcessor, *, service: str, instance: str, sampled: float) -> None:
        """`sampled`: part of the traces that begin here; a caller that has decided is followed."""
        about = {
            "service.name": service,
            "service.version": __version__,
            "service.instance.id": instance,
        }
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sampled)),
            resource=Resource(about),
            shutdown_on_exit=False,
            id_generator=ChosenIds(),
        )
        self._provider.add_span_processor(processor)
        self.tracing = Tracing(self._provider.get_tracer("steadfast", __version__))
        self.jobs = JobTraces(self.tracing)
        self._deafen = self.jobs.listen()

    def close(self) -> None:
        """Sends what waits, and ends. Blocks, a few seconds where nobody receives."""
        self._deafen()
        self._provider.shutdown()


def otlp_processor(
    url: str, headers: dict[str, str], *, every_s: float = 2.0, queue: int = 4096
) -> SpanProcessor:
    """Batches to that URL; what does not fit into the queue while the receiver is away is dropped."""
    exporter = OTLPSpanExporter(endpoint=url, headers=headers, timeout=_EXPORT_WITHIN_S)
    return BatchSpanProcessor(
        exporter,
        max_queue_size=queue,
        schedule_delay_millis=every_s * 1000,
        export_timeout_millis=_EXPORT_WITHIN_S * 1000,
    )
