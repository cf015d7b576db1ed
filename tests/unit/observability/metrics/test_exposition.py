"""The text of a scrape is prometheus-client's own to the byte, in both formats."""

from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open
from prometheus_client.registry import CollectorRegistry
from tests.unit.observability.metrics.surroundings import TRACE, ended, metrics

from steadfast.events import publish
from steadfast.observability.metrics.exposition import Exposition
from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Instrument, Readings

WORD = Label(name="word", meaning="Anything.", most=20)
VALUES = (0.0, 1.0, -1.5, 1e6, 1234567.0, 12345678.9, 1e300, float("inf"), float("nan"))


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    odd = Family(name="odd", kind=Kind.GAUGE, meaning='With "quotes", \\ and a\nline.', labels=(WORD,))
    count = Family(name="count_total", kind=Kind.COUNTER, meaning="Counts.")
    took = Family(
        name="took_seconds", kind=Kind.HISTOGRAM, meaning="Took.", labels=(WORD,), buckets=(0.1, 1.0)
    )
    registry.register(Readings({odd: lambda: [((f'a"b\\{n}é',), value) for n, value in enumerate(VALUES)]}))
    Instrument(count, registry).at().inc(3)
    Instrument(took, registry).at("x").observe(0.5, {"trace_id": "abc"})
    return registry


def test_openmetrics_is_the_same_to_the_byte(registry: CollectorRegistry) -> None:
    kind, body = Exposition(registry).answer("application/openmetrics-text")
    assert body == generate_open(registry)  # type: ignore[no-untyped-call]
    assert b'# {trace_id="abc"} 0.5 ' in body
    assert kind.startswith(b"application/openmetrics-text")


def test_prometheus_text_is_the_same_to_the_byte(registry: CollectorRegistry) -> None:
    assert Exposition(registry).answer("")[1] == generate_latest(registry)


def test_all_that_a_server_shows_is_the_same_line_by_line(tmp_path: Path) -> None:
    it = metrics(tmp_path)
    it.start()
    publish(ended(traceparent=TRACE))
    it.stop()
    ours, theirs = it.expose()[1].splitlines(), generate_latest(it.registry).splitlines()
    moving = (b"steadfast_server_cpu_seconds_total", b"steadfast_probe_age", b"steadfast_server_resident")
    assert [line for line in ours if not line.startswith(moving)] == [
        line for line in theirs if not line.startswith(moving)
    ]
