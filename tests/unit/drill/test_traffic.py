"""What traffic writes down is found again."""

from tests.unit.drill.made_up import sent

from steadfast.drill.client import Endpoint
from steadfast.drill.materials import Materials
from steadfast.drill.traffic import Traffic


def test_requests_that_were_under_way_at_some_moment_are_found_wherever_they_stand() -> None:
    traffic = Traffic(
        endpoint=Endpoint(url="http://127.0.0.1:1"),
        materials=Materials(source=b"", photos=(b"",), video=b"", drawing=b""),
        rate_per_s=1.0,
    )
    early, long, within, late = (
        sent(at_s=1.0, took_ms=500.0),
        sent(at_s=2.0, took_ms=9_000.0),
        sent(at_s=10.5, took_ms=100.0),
        sent(at_s=30.0, took_ms=100.0),
    )
    traffic.sent = [early, long, within, late]  # as they ended, but for a turn of the loop
    assert traffic.between(10.0, 20.0) == [long, within]
    assert traffic.between(10.8, 20.0) == [long]
    assert traffic.between(0.0, 40.0) == traffic.sent
    assert traffic.between(40.0, 50.0) == []
