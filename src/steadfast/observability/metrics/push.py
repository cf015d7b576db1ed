"""Pushes figures where nothing can be scraped: to a Pushgateway, or to a collector that speaks OTLP.

Which of them is told by the URL: one that ends with `/v1/metrics` is OTLP's.
"""

import base64
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from prometheus_client.core import Metric
from prometheus_client.registry import CollectorRegistry
from prometheus_client.samples import Sample

from steadfast import __version__
from steadfast.errors import InvalidOption, ServiceUnreachable
from steadfast.observability.metrics.exposition import Exposition

_TIMEOUT_S: Final = 10.0
_OTLP_PATH: Final = "/v1/metrics"
_CUMULATIVE: Final = 2


def check_push_url(url: str) -> None:
    """Raises `InvalidOption` for what is no URL to push to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidOption(
            "Metrics can be pushed to an http or https URL only.",
            remedy="Give that of a Pushgateway, or of an OTLP collector (it ends with /v1/metrics).",
        )


def push_metrics(registry: CollectorRegistry, url: str, *, job: str, instance: str) -> None:
    """Sends everything; what the same job and instance has sent before is replaced.

    Blocks. Raises `ServiceUnreachable`, never with the URL, which may hold a secret.
    """
    import httpx  # noqa: PLC0415 — only who pushes needs it

    check_push_url(url)
    if urlsplit(url).path.rstrip("/").endswith(_OTLP_PATH):
        method, where, body = "POST", url, _otlp(registry, job=job, instance=instance)
        kind = "application/json"
    else:
        method, where = "PUT", _gateway_url(url, job=job, instance=instance)
        content_type, body = Exposition(registry).answer("")
        kind = content_type.decode() + "; charset=utf-8"
    try:
        answer = httpx.request(
            method, where, content=body, headers={"Content-Type": kind}, timeout=_TIMEOUT_S
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceUnreachable(f"Metrics were not pushed: {type(error).__name__}.") from error
    if not answer.is_success:
        raise ServiceUnreachable(f"Metrics were not pushed: the receiver answered {answer.status_code}.")


def _gateway_url(url: str, *, job: str, instance: str) -> str:
    return f"{url.rstrip('/')}/metrics{_path_of('job', job)}{_path_of('instance', instance)}"


def _path_of(name: str, value: str) -> str:
    if value and "/" not in value:
        return f"/{name}/{quote(value, safe='')}"
    # The gateway undoes percent signs before it parts the path, so a slash has to hide better.
    return f"/{name}@base64/{base64.urlsafe_b64encode(value.encode()).decode() or '='}"


# --- OTLP, in its JSON form: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding -------------


def _otlp(registry: CollectorRegistry, *, job: str, instance: str) -> bytes:
    who = {"service.name": job, "service.instance.id": instance, "service.version": __version__}
    now_ns = str(time.time_ns())
    document = {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes(who)},
                "scopeMetrics": [
                    {
                        "scope": {"name": "steadfast", "version": __version__},
                        "metrics": [_otlp_metric(metric, now_ns) for metric in registry.collect()],
                    }
                ],
            }
        ]
    }
    return msgspec.json.encode(document)


def _otlp_metric(metric: Metric, now_ns: str) -> dict[str, Any]:
    told: dict[str, Any] = {"name": metric.name, "description": metric.documentation}
    if metric.type == "histogram":
        points = list(_histogram_points(metric, now_ns))
        return told | {"histogram": {"aggregationTemporality": _CUMULATIVE, "dataPoints": points}}
    points = [_point(sample, now_ns) for sample in metric.samples]
    if metric.type == "counter":
        return told | {
            "sum": {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True, "dataPoints": points}
        }
    return told | {"gauge": {"dataPoints": points}}


def _point(sample: Sample, now_ns: str) -> dict[str, Any]:
    return {"attributes": _attributes(sample.labels), "timeUnixNano": now_ns, "asDouble": sample.value}


def _histogram_points(metric: Metric, now_ns: str) -> Iterator[dict[str, Any]]:
    """One point per series; Prometheus' buckets hold all below them, OTLP's only their own."""
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in metric.samples:
        labels = tuple(item for item in sample.labels.items() if item[0] != "le")
        series.setdefault(labels, []).append(sample)
    for labels, samples in series.items():
        buckets = [sample for sample in samples if "le" in sample.labels]
        below = [int(bucket.value) for bucket in buckets]
        own = [upper - lower for lower, upper in zip([0, *below], below, strict=False)]
        total = next(sample.value for sample in samples if sample.name.endswith("_sum"))
        yield {
            "attributes": _attributes(dict(labels)),
            "timeUnixNano": now_ns,
            "count": str(below[-1]),
            "sum": total,
            "bucketCounts": [str(count) for count in own],
            "explicitBounds": [float(bucket.labels["le"]) for bucket in buckets[:-1]],
        }


def _attributes(labels: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": text}} for name, text in labels.items()]
