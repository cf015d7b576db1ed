"""HTTP as a whole: every answer by route and status, probes and refusals among them."""

from collections.abc import Callable, Mapping
from typing import Final

from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Readings

_ROUTE: Final = Label(name="route", meaning="A path that is served, else `other`.", most=60)
_STATUS: Final = Label(name="status", meaning="Of HTTP.", most=60)

ANSWERS: Final = Family(
    name="steadfast_http_requests_total",
    kind=Kind.COUNTER,
    meaning="Requests answered.",
    labels=(_ROUTE, _STATUS),
)
SECONDS: Final = Family(
    name="steadfast_http_request_seconds_total",
    kind=Kind.COUNTER,
    meaning="Time that they took together.",
    labels=(_ROUTE,),
)
RUNNING: Final = Family(
    name="steadfast_http_requests_running",
    kind=Kind.GAUGE,
    meaning="Requests that have come in and are not answered yet.",
)
FAMILIES: Final = (ANSWERS, SECONDS, RUNNING)


def http_readings(
    answers: Callable[[], Mapping[tuple[str, int], int]],
    seconds: Callable[[], Mapping[str, float]],
    running: Callable[[], int],
) -> Readings:
    """What was answered, asked at each scrape."""
    return Readings(
        {
            ANSWERS: lambda: [
                ((route, str(status)), float(count)) for (route, status), count in answers().items()
            ],
            SECONDS: lambda: [((route,), float(spent_s)) for route, spent_s in seconds().items()],
            RUNNING: lambda: [((), float(running()))],
        }
    )
