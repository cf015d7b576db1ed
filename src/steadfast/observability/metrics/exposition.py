"""What a scrape is answered: OpenMetrics where it is understood, else Prometheus' own text."""

from prometheus_client import exposition as prometheus_text
from prometheus_client.openmetrics import exposition as open_metrics
from prometheus_client.registry import CollectorRegistry

OPEN_METRICS = b"application/openmetrics-text; version=1.0.0"
PLAIN_TEXT = b"text/plain; version=0.0.4"


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, bytes]:
    """Content type and body; exemplars are in OpenMetrics alone."""
    if "application/openmetrics-text" in accept:
        return OPEN_METRICS, open_metrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    return PLAIN_TEXT, prometheus_text.generate_latest(registry)
