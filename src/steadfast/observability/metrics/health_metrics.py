"""Health: incidents, alerts, what probes say, and the accelerators as their driver tells."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.errors import Severity
from steadfast.events import subscribe_to
from steadfast.health.events import AlertDelivered, AlertNotDelivered, IncidentMoved
from steadfast.health.incidents import Change, Incident
from steadfast.health.probes.devices import DeviceReading
from steadfast.health.readings import RANK, Reading
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Counting, Read, Readings, Sample
from steadfast.observability.metrics.labels import DEVICE, SUBJECT

_KIND: Final = Label(name="kind", meaning="Of trouble: `worker_died`, `stuck_queue`, …", most=60)
_SEVERITY: Final = Label(
    name="severity", meaning="`info`, `warning`, `error` or `fatal`.", values=words_of(Severity)
)
_CHANNEL: Final = Label(name="channel", meaning="Kind of receiver.", most=12)
_DELIVERY: Final = Label(
    name="result",
    meaning="`delivered`, `delayed` (it will be tried again) or `given_up`.",
    values=frozenset({"delivered", "delayed", "given_up"}),
)
_PROBE: Final = Label(name="probe", meaning="As settings name it.", most=60)

INCIDENTS: Final = Family(
    name="steadfast_incidents_total",
    kind=Kind.COUNTER,
    meaning="Incidents that began.",
    labels=(_KIND, _SEVERITY),
)
OPEN: Final = Family(
    name="steadfast_open_incidents",
    kind=Kind.GAUGE,
    meaning="Incidents that last.",
    labels=(_KIND, _SEVERITY),
)
ALERTS: Final = Family(
    name="steadfast_alert_deliveries_total",
    kind=Kind.COUNTER,
    meaning="Alerts that the service itself sent.",
    labels=(_CHANNEL, _DELIVERY),
)
PROBES: Final = Family(
    name="steadfast_probe_status",
    kind=Kind.GAUGE,
    meaning="What a probe says: 0 nothing to look at, 1 ok, 2 unknown, 3 warning, 4 error, 5 fatal.",
    labels=(_PROBE, SUBJECT),
)
PROBE_AGE: Final = Family(
    name="steadfast_probe_age_seconds",
    kind=Kind.GAUGE,
    meaning="Since the probe was heard last.",
    labels=(_PROBE,),
)
MEMORY: Final = Family(
    name="steadfast_memory_used_ratio",
    kind=Kind.GAUGE,
    meaning="Memory in use, of the machine or the container, whichever is nearer its limit.",
)
HOST_CPU: Final = Family(
    name="steadfast_cpu_used_ratio", kind=Kind.GAUGE, meaning="Part of the machine's cores that was busy."
)
LOOP_LAG: Final = Family(
    name="steadfast_event_loop_lag_seconds",
    kind=Kind.GAUGE,
    meaning="The longest that the event loop came late between two looks.",
)
SLOWNESS: Final = Family(
    name="steadfast_slowness_ratio",
    kind=Kind.GAUGE,
    meaning="What work takes now over what it usually takes at its size.",
    labels=(SUBJECT,),
)

GPU_USE: Final = Family(
    name="steadfast_gpu_utilization_ratio",
    kind=Kind.GAUGE,
    meaning="Part of the last moments in which a kernel ran.",
    labels=(DEVICE,),
)
GPU_USED: Final = Family(
    name="steadfast_gpu_memory_used_bytes",
    kind=Kind.GAUGE,
    meaning="Device memory in use, by everyone.",
    labels=(DEVICE,),
)
GPU_TOTAL: Final = Family(
    name="steadfast_gpu_memory_total_bytes", kind=Kind.GAUGE, meaning="Device memory.", labels=(DEVICE,)
)
GPU_TEMPERATURE: Final = Family(
    name="steadfast_gpu_temperature_celsius",
    kind=Kind.GAUGE,
    meaning="Temperature of the device.",
    labels=(DEVICE,),
)
GPU_SLOWDOWN: Final = Family(
    name="steadfast_gpu_slowdown_temperature_celsius",
    kind=Kind.GAUGE,
    meaning="Temperature at which the device slows itself down.",
    labels=(DEVICE,),
)
GPU_POWER: Final = Family(
    name="steadfast_gpu_power_watts", kind=Kind.GAUGE, meaning="Power drawn.", labels=(DEVICE,)
)
GPU_POWER_LIMIT: Final = Family(
    name="steadfast_gpu_power_limit_watts",
    kind=Kind.GAUGE,
    meaning="Limit that is enforced.",
    labels=(DEVICE,),
)
GPU_ECC: Final = Family(
    name="steadfast_gpu_ecc_errors_total",
    kind=Kind.COUNTER,
    meaning="Uncorrected memory errors since the driver was loaded.",
    labels=(DEVICE,),
)
GPU_XID: Final = Family(
    name="steadfast_gpu_xid_errors_total",
    kind=Kind.COUNTER,
    meaning="Xid errors of the driver since the server was started.",
    labels=(DEVICE,),
)

_EVENTS: Final = (INCIDENTS, ALERTS)
_OF_DEVICES: Final[dict[Family, Callable[[DeviceReading], float | None]]] = {
    GPU_USE: lambda device: device.utilisation,
    GPU_USED: lambda device: device.memory_used_bytes,
    GPU_TOTAL: lambda device: device.memory_total_bytes,
    GPU_TEMPERATURE: lambda device: device.temperature_c,
    GPU_SLOWDOWN: lambda device: device.slowdown_c,
    GPU_POWER: lambda device: device.power_w,
    GPU_POWER_LIMIT: lambda device: device.power_limit_w,
    GPU_ECC: lambda device: device.ecc_errors,
    GPU_XID: lambda device: device.xid_count,
}
_OF_PROBES: Final = {"memory": MEMORY, "cpu": HOST_CPU, "loop_lag": LOOP_LAG}
DEVICE_FAMILIES: Final = tuple(_OF_DEVICES)
"""Absent where there is no GPU."""
FAMILIES: Final = (*_EVENTS, OPEN, PROBES, PROBE_AGE, *_OF_PROBES.values(), SLOWNESS, *DEVICE_FAMILIES)


class HealthMetrics(Counting):
    """Counts incidents and alerts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(_EVENTS, registry)

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answers end it."""
        return [
            subscribe_to(IncidentMoved, self._moved),
            subscribe_to(AlertDelivered, lambda e: self._sent(e.channel, "delivered")),
            subscribe_to(
                AlertNotDelivered, lambda e: self._sent(e.channel, "delayed" if e.is_kept else "given_up")
            ),
        ]

    def _sent(self, channel: str, result: str) -> None:
        for one in _DELIVERY.values:  # from 0: what appears at 1 is no increase to whoever watches
            self.at(ALERTS, channel, one)
        self.at(ALERTS, channel, result).inc()

    def _moved(self, event: IncidentMoved) -> None:
        if event.change is Change.OPENED:
            self.at(INCIDENTS, event.kind, event.severity.value).inc()


def health_readings(
    readings: Callable[[], Sequence[Reading]],
    open_incidents: Callable[[], Sequence[Incident]],
    clock: Callable[[], float],
) -> Readings:
    """What probes and incidents say, asked at each scrape; `clock` is the one of the readings."""
    sources: dict[Family, Read] = {
        OPEN: lambda: [((one.kind, one.severity.value), 1.0) for one in open_incidents()],
        PROBES: lambda: [
            ((one.probe, one.subject), float(RANK[one.status])) for one in _one_of_each(readings())
        ],
        PROBE_AGE: lambda: [
            ((one.probe,), max(0.0, clock() - one.taken_at_s))
            for one in {one.probe: one for one in readings()}.values()
        ],
        SLOWNESS: lambda: [
            ((one.subject,), one.value)
            for one in readings()
            if one.probe == "task_slowness" and one.value is not None
        ],
    }
    for probe, family in _OF_PROBES.items():
        sources[family] = lambda probe=probe: [  # type: ignore[misc]
            ((), one.value) for one in readings() if one.probe == probe and one.value is not None
        ]
    return Readings(sources)


def device_readings(devices: Callable[[], Sequence[DeviceReading]]) -> Readings:
    """What the driver last said, asked at each scrape; nothing here waits for a driver."""
    return Readings(
        {
            family: lambda read=read: list(_told(devices(), read))  # type: ignore[misc]
            for family, read in _OF_DEVICES.items()
        }
    )


def _told(
    devices: Iterable[DeviceReading], read: Callable[[DeviceReading], float | None]
) -> Iterator[Sample]:
    for device in devices:
        if (value := read(device)) is not None:
            yield (device.name,), float(value)


def _one_of_each(readings: Iterable[Reading]) -> Iterable[Reading]:
    # Workers have names that never come again, and their memory has a family of its own.
    return [one for one in readings if one.probe != "worker_memory"]
