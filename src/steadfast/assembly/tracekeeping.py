"""Settings turned into traces; OpenTelemetry is imported only where they are switched on."""

import platform
from typing import TYPE_CHECKING

from steadfast.api.backend import Backend
from steadfast.errors import ConfigError
from steadfast.settings import TelemetrySettings
from steadfast.settings.secret_files import secret_text

if TYPE_CHECKING:
    from steadfast.observability.traces.export import TraceExport


def open_traces(settings: TelemetrySettings, backend: Backend) -> "TraceExport | None":
    """Has everything behind HTTP traced from now on; None: it is switched off. Raises `ConfigError`."""
    if not settings.traces:
        return None
    try:
        from steadfast.observability.traces.export import TraceExport, otlp_processor  # noqa: PLC0415
        from steadfast.observability.traces.traced_runtime import TracedRuntime  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "Traces are switched on, and OpenTelemetry is not installed.",
            remedy="Install it with `pip install 'steadfast[otel]'`, or set telemetry.traces to false.",
        ) from error
    processor = otlp_processor(settings.otlp_url, headers_of(settings))
    export = TraceExport(
        processor, service="steadfast", instance=platform.node(), sampled=settings.traces_sampled
    )
    backend.traces = export.tracing
    backend.runtime = TracedRuntime(backend.runtime, export.tracing, export.jobs)
    return export


def headers_of(settings: TelemetrySettings) -> dict[str, str]:
    """By name. Raises `ConfigError` for what is none, without saying what stands there."""
    given = secret_text("telemetry.otlp_headers", settings.otlp_headers, settings.otlp_headers_file) or ""
    headers = {}
    for pair in filter(None, (part.strip() for part in given.split(","))):
        name, parted, value = pair.partition("=")
        if not parted or not name.strip():
            raise ConfigError(
                "telemetry.otlp_headers holds something that is no name=value.",
                remedy="Write it like `authorization=Bearer KEY,x-tenant=one`.",
            )
        headers[name.strip()] = value.strip()
    return headers
