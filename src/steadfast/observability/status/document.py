"""The document of `GET /v1/status`: what the dashboard in a terminal and the page `/status` show."""

from collections.abc import Mapping, Sequence

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base: fields that a newer service adds are passed over by an older reader."""


class WorkerStatus(_Part, frozen=True, kw_only=True):
    """One worker."""

    place: str
    """`cpu:0`, `cuda:1`, `spare:0`: stays when the worker is replaced."""
    task: str
    name: str
    pid: int
    state: str
    device: str
    level: int
    """Step of the ladder; 0 is the best."""
    working_on: int
    """Requests and steps of jobs inside."""
    served: int
    age_s: float
    silent_s: float
    """Since it last finished a unit of work, or came up."""
    rss_bytes: int
    device_bytes: int
    cpu: float | None
    """Cores that it kept busy since the look before; None: nobody looked yet."""
    deaths: int
    """Of workers in this place, none of them wanted, since the server was started."""


class QueueStatus(_Part, frozen=True, kw_only=True):
    """Requests of one priority that wait."""

    priority: str
    waiting: int
    oldest_s: float
    predicted_s: float
    """How long one that came now would wait."""


class TaskStatus(_Part, frozen=True, kw_only=True):
    """One kind of work."""

    name: str
    ready: bool
    why_not: str
    degraded: tuple[str, ...]
    breaker: str = ""
    busy: int = 0
    able: int = 0
    """Workers that have shown that they work."""
    places: int = 0
    spares_ready: int = 0
    inside: int = 0
    """Requests let in and not answered."""
    limit: int = 0
    """Of those."""
    queue: tuple[QueueStatus, ...] = ()
    """Most urgent first."""


class TrafficStatus(_Part, frozen=True, kw_only=True):
    """Requests for work of late; every list ends with the latest whole step, and None is: there was none."""

    step_s: float
    rate: Sequence[float]
    """Requests per second that ended."""
    failed: Sequence[float]
    """Of those, what we failed at: errors, timeouts, and what was turned away."""
    p50_s: Sequence[float | None]
    """Median duration of answered requests."""
    p90_s: Sequence[float | None]
    window_s: float
    """What the figures below are of."""
    requests: int
    failures: int
    refused: int
    """Turned away for a fault of the caller's."""
    window_p50_s: float | None
    window_p90_s: float | None
    window_p99_s: float | None


class IncidentStatus(_Part, frozen=True, kw_only=True):
    """Something that lasts."""

    kind: str
    severity: str
    since: str
    """ISO 8601."""
    id: str = ""
    subject: str = ""
    evidence: str = ""
    """What was seen last."""


class JobStatus(_Part, frozen=True, kw_only=True):
    """A job that is not over."""

    id: str
    state: str
    task: str
    priority: str
    share: float
    """Done, 0 to 1."""
    segments_done: int
    segments_total: int
    items_done: int
    items_total: int
    fps: float | None
    left_s: float | None
    held: str
    """Why it waits; empty: it does not."""


class JobsStatus(_Part, frozen=True, kw_only=True):
    """Work that is recorded first."""

    counts: Mapping[str, int]
    """Jobs that are not over, by state."""
    latest: tuple[JobStatus, ...]
    """Running ones first, no more than a screen shows."""


class DeviceStatus(_Part, frozen=True, kw_only=True):
    """One accelerator; None: it does not tell."""

    name: str
    utilisation: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_c: float | None
    power_w: float | None


class ProbeStatus(_Part, frozen=True, kw_only=True):
    """A reading that is not as it should be."""

    probe: str
    status: str
    subject: str = ""
    value: float | None = None
    unit: str = ""
    note: str = ""


class ServiceStatus(_Part, frozen=True, kw_only=True):
    """Everything at one moment; what is None or empty in the public answer is for an administrator."""

    at_s: float
    """Seconds since 1970, by the server's clock."""
    word: str
    reasons: tuple[str, ...]
    tasks: tuple[TaskStatus, ...]
    incidents: tuple[IncidentStatus, ...]
    """Gravest first."""
    is_whole: bool
    """Whether the rest is here."""
    version: str = ""
    uptime_s: float = 0.0
    running: int = 0
    """Requests of any kind that are being answered."""
    workers: tuple[WorkerStatus, ...] = ()
    traffic: TrafficStatus | None = None
    jobs: JobsStatus | None = None
    """None: they are switched off, or their database does not answer."""
    devices: tuple[DeviceStatus, ...] = ()
    probes_ok: int = 0
    probes: tuple[ProbeStatus, ...] = ()
    server_rss_bytes: int = 0
    server_cpu: float | None = None
    """Cores that the server process kept busy since the look before."""
