"""Our histograms say what prometheus-client's own would."""

import random

import prometheus_client
import pytest
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from steadfast.observability.metrics.histogram import Histogram

BOUNDS = (0.1, 0.5, 1.0, 2.5)


@pytest.mark.parametrize("names", [(), ("task", "engine")])
def test_a_scrape_shows_what_the_library_would_show(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # as the program does
    ours, theirs, rng = CollectorRegistry(), CollectorRegistry(), random.Random(3)
    own = Histogram("x_seconds", "How long.", names, BOUNDS)
    ours.register(own)
    other = prometheus_client.Histogram("x_seconds", "How long.", names, registry=theirs, buckets=BOUNDS)
    values = [("swap", "a"), ("swap", "b")] if names else [()]
    for at in values:
        for amount in (*BOUNDS, 0.0, -1.0, 9.0, *(rng.expovariate(1) for _ in range(50))):
            exemplar = {"trace_id": "ab" * 16} if amount > 1 else None
            own.labels(*at).observe(amount, exemplar)
            (other.labels(*at) if at else other).observe(amount, exemplar)
    shown, expected = (generate_latest(one) for one in (ours, theirs))  # type: ignore[no-untyped-call]
    assert shown == expected
