"""What the routes stand on, as one object that the service fills."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from steadfast.admission.gate import Gate
from steadfast.api.access import Access
from steadfast.api.intake import IntakeLimits, Room
from steadfast.api.replays import Replays
from steadfast.api.tally import Tally
from steadfast.health.watch import HealthWatch
from steadfast.jobs.callback_guard import CallbackGuard
from steadfast.jobs.service import JobService
from steadfast.observability.metrics.service_metrics import ServiceMetrics
from steadfast.observability.request_log import RequestLog
from steadfast.observability.status.board import StatusBoard
from steadfast.observability.traces.port import Traces
from steadfast.runtime.port import Runtime
from steadfast.settings.entailment import EntailmentSettings
from steadfast.uploads.desk import UploadDesk
from steadfast.uploads.referred import ReferenceReader

if TYPE_CHECKING:
    from steadfast.cluster.cluster import Cluster


@dataclass(frozen=True, kw_only=True, slots=True)
class JobTerms:
    """What a job gets where it does not say so itself, and how much it may ask for."""

    segment_s: float = 4.0
    max_items: int = 10_000
    longest_kept_s: float = 8760 * 3600.0
    """For which a job may have its files kept."""


class Role(StrEnum):
    """What a server of a cluster serves; one that stands alone serves all."""

    ALL = "all"
    API = "api"  # everything but what needs a worker of its own
    NODE = "node"  # its health, and what it tells of itself


@dataclass(kw_only=True, slots=True)
class Backend:
    """Everything behind HTTP."""

    runtime: Runtime
    gate: Gate
    access: Access
    room: Room
    limits: IntakeLimits
    deadline_s: float
    """Of a request that brings none."""
    role: Role = Role.ALL
    replays: Replays | None = None
    """Answers kept for repetition; None: an Idempotency-Key is ignored."""
    request_log: RequestLog | None = None
    """Two lines per request that does work; None: none."""
    health: HealthWatch | None = None
    """Probes and incidents; None: they are switched off."""
    metrics: ServiceMetrics | None = None
    """What `/metrics` shows; None: they are switched off."""
    status: StatusBoard | None = None
    """What `/v1/status` and `/status` show; None: they are switched off."""
    traces: Traces | None = None
    """Makes a trace of each request that works or submits; None: they are switched off."""
    metrics_need_key: bool = True
    """Whether it needs a key where requests need one."""
    uploads: UploadDesk | None = None
    """Resumable uploads; None: none are taken."""
    references: ReferenceReader | None = None
    """Reads inputs that a job names; None: it must send them."""
    callbacks: CallbackGuard | None = None
    """Where a job's `callback_url` may lead; None: jobs may have none."""
    jobs: JobService | None = None
    """Work that is recorded first; None: it is switched off."""
    cluster: "Cluster | None" = None
    """The other servers; None: this one stands alone."""
    job_terms: JobTerms = JobTerms()
    tally: Tally = field(default_factory=Tally)
    entailment: EntailmentSettings = field(default_factory=EntailmentSettings)
    """Whether questions about pictures are answered, and what a failure at one becomes."""
    sampled: float = 0.0
    """Part of the swaps whose quality is measured."""
    drill: Callable[[Any], Awaitable[Any]] | None = None
    """Takes orders of a fault drill, as an exchange; None: there is no such route."""
    stopping: bool = False
    """Set at SIGTERM: from then on everything new is refused."""
