"""What runs here, and since when."""

import time
from collections.abc import Mapping
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast import __version__
from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Instrument

_VERSION: Final = Label(name="version", meaning="Of this program.", most=1)

BUILD: Final = Family(
    name="steadfast_build_info",
    kind=Kind.GAUGE,
    meaning="1, with what runs here as labels.",
    labels=(_VERSION,),
)
STARTED: Final = Family(
    name="steadfast_start_time_seconds",
    kind=Kind.GAUGE,
    meaning="When this server process was started, in seconds since 1970; annotations of restarts use it.",
)
CPU: Final = Family(
    name="steadfast_server_cpu_seconds_total",
    kind=Kind.COUNTER,
    meaning="Processor time of the server process.",
)
RESIDENT: Final = Family(
    name="steadfast_server_resident_memory_bytes",
    kind=Kind.GAUGE,
    meaning="Resident memory of the server process.",
)
FAMILIES: Final = (BUILD, STARTED, CPU, RESIDENT)


def tell_build(registry: CollectorRegistry, *, now_s: float | None = None) -> None:
    """States version and start, once."""
    by_family: Mapping[Family, Instrument] = {
        family: Instrument(family, registry) for family in (BUILD, STARTED)
    }
    by_family[BUILD].at(__version__).set(1.0)
    by_family[STARTED].at().set(time.time() if now_s is None else now_s)
