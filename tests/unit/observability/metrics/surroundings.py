"""A whole set of metrics around a runtime that is told by hand."""

from pathlib import Path
from typing import Any

from steadfast.admission.arrival import Arrival
from steadfast.admission.gate import Gate
from steadfast.health.probes.devices import DeviceReading
from steadfast.health.readings import Level, Reading, Status
from steadfast.observability.metrics.service_metrics import ServiceMetrics, Sources
from steadfast.observability.metrics.storage_metrics import StorageSurvey
from steadfast.observability.requests import RequestEnded
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState

TASK = "face_swap"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DEVICE = DeviceReading(
    name="gpu:0",
    memory_used_bytes=3 << 30,
    memory_total_bytes=8 << 30,
    utilisation=0.5,
    temperature_c=60,
    slowdown_c=90,
    power_w=200.0,
    power_limit_w=300.0,
    ecc_errors=0,
    xid_count=1,
)


def worker(number: int, *, slot: str | None = None, **changes: Any) -> WorkerSnapshot:
    """One that stands."""
    fields: dict[str, Any] = {
        "name": f"{TASK}-{number}",
        "pid": 0,
        "state": WorkerState.READY,
        "slot": slot,
        "device": "cpu",
        "level": 0,
        "served": 1,
        "age_s": 1.0,
        "silent_s": 0.0,
        "rss_bytes": 1000,
        "device_bytes": 0,
        "retiring": False,
        "confinement": {},
    }
    return WorkerSnapshot(**(fields | changes))


def snapshot(*workers: WorkerSnapshot) -> Snapshot:
    """One task with these workers."""
    pool = PoolSnapshot(
        task=TASK,
        ready=True,
        why_not="",
        breaker=BreakerState.CLOSED,
        waiting=0,
        busy=0,
        able=len(workers),
        places=len(workers),
        spares_ready=0,
        hangs_in_a_row=0,
        degraded=(),
        poisoned=0,
        last_load_failure="",
        workers=workers,
    )
    return Snapshot(pools=(pool,), stopping=False)


def reading(probe: str, subject: str = "", value: float | None = 0.5, status: Status = Status.OK) -> Reading:
    """What a probe said."""
    return Reading(
        probe=probe,
        level=Level.RESOURCE,
        subject=subject,
        value=value,
        unit="",
        limit=None,
        status=status,
        note="",
        taken_at_s=0.0,
    )


def ended(**changes: Any) -> RequestEnded:
    """A request that went well."""
    fields: dict[str, Any] = {
        "request_id": "r",
        "route": "/v1/swap",
        "task": TASK,
        "status": 200,
        "took_s": 0.05,
        "engine": "standard",
        "queue_s": 0.01,
        "worked_s": 0.04,
        "decode_s": 0.01,
        "inference_s": 0.02,
        "encode_s": 0.01,
        "pixels": 2e6,
        "frames": 1,
        "faces": 2,
        "swapped": 1,
        "identity": 0.7,
        "bytes_in": 1000,
    }
    return RequestEnded(**(fields | changes))


def metrics(folder: Path, **changes: Any) -> ServiceMetrics:
    """Metrics that are not listening yet."""
    gate = Gate()
    gate.predicted_wait_s(Arrival(task=TASK))
    fields: dict[str, Any] = {
        "snapshot": lambda: snapshot(worker(1, slot="cpu:0"), worker(2)),
        "gate": gate.snapshot,
        "answers": lambda: {("/v1/swap", 200): 3},
        "answer_seconds": lambda: {"/v1/swap": 0.5},
        "running": lambda: 1,
        "filed_bytes": lambda: 10,
        "quota_bytes": 100,
        "survey": StorageSurvey({"scratch": folder}, {"data": folder}),
        "readings": lambda: [reading("memory"), reading("task_slowness", TASK, 1.0)],
        "devices": lambda: [DEVICE],
    }
    return ServiceMetrics(Sources(**(fields | changes)))
