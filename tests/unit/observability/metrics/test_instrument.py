"""What is counted is what a scrape shows, and never more series than were promised."""

from prometheus_client.registry import CollectorRegistry

from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Instrument, Readings

LABEL = Label(name="engine", meaning="What did it.", most=2)
COUNTER = Family(name="x_total", kind=Kind.COUNTER, meaning="X.", labels=(LABEL,))
GAUGE = Family(name="y", kind=Kind.GAUGE, meaning="Y.", labels=(LABEL,))


def test_values_that_are_too_many_are_counted_together_and_never_kept() -> None:
    registry = CollectorRegistry()
    counter = Instrument(COUNTER, registry)
    for number in range(1000):
        counter.at(str(number)).inc()
    assert registry.get_sample_value("x_total", {"engine": "other"}) == 998
    assert len(counter._series) == 3


def test_what_is_gone_is_gone_at_the_next_scrape() -> None:
    registry, now = CollectorRegistry(), [(("a",), 1.0), (("b",), 2.0)]
    registry.register(Readings({GAUGE: lambda: now}))
    assert registry.get_sample_value("y", {"engine": "b"}) == 2.0
    now.pop()
    assert registry.get_sample_value("y", {"engine": "b"}) is None
    assert registry.get_sample_value("y", {"engine": "a"}) == 1.0


def test_readings_that_are_too_many_are_added_up() -> None:
    registry = CollectorRegistry()
    registry.register(Readings({GAUGE: lambda: [((str(n),), 1.0) for n in range(10)]}))
    assert registry.get_sample_value("y", {"engine": "other"}) == 8.0
