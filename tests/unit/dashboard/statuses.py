"""A status with something of everything, for tests of what shows it."""

from typing import Any

from steadfast.observability.status.document import (
    IncidentStatus,
    JobsStatus,
    JobStatus,
    ProbeStatus,
    QueueStatus,
    ServiceStatus,
    TaskStatus,
    TrafficStatus,
    WorkerStatus,
)


def worker(number: int, **more: Any) -> WorkerStatus:
    told: dict[str, Any] = {
        "place": f"cpu:{number}",
        "task": "face_swap",
        "name": f"face_swap-{number}",
        "pid": 100 + number,
        "state": "busy",
        "device": "cpu",
        "level": 0,
        "working_on": 1,
        "served": 137,
        "age_s": 700.0,
        "silent_s": 0.2,
        "rss_bytes": 107_000_000,
        "device_bytes": 0,
        "cpu": 0.97,
        "deaths": 0,
    }
    return WorkerStatus(**(told | more))


def job(number: int, **more: Any) -> JobStatus:
    told: dict[str, Any] = {
        "id": f"job_{number:06d}",
        "state": "running",
        "task": "face_swap",
        "priority": "normal",
        "share": 0.43,
        "segments_done": 3,
        "segments_total": 7,
        "items_done": 0,
        "items_total": 1,
        "fps": 31.0,
        "left_s": 74.0,
        "held": "",
    }
    return JobStatus(**(told | more))


def incident(**more: Any) -> IncidentStatus:
    told: dict[str, Any] = {
        "kind": "worker_died",
        "severity": "error",
        "since": "2026-11-20T14:00:00+00:00",
        "id": "inc_1",
        "subject": "face_swap",
        "evidence": "ended by SIGSEGV",
    }
    return IncidentStatus(**(told | more))


TRAFFIC = TrafficStatus(
    step_s=1.0,
    rate=[float(step % 10) for step in range(120)],
    failed=[0.0] * 119 + [1.0],
    p50_s=[None] * 60 + [0.3] * 60,
    p90_s=[None] * 60 + [0.6] * 60,
    window_s=60.0,
    requests=600,
    failures=6,
    refused=2,
    window_p50_s=0.31,
    window_p90_s=0.62,
    window_p99_s=1.1,
)


def status(**more: Any) -> ServiceStatus:
    told: dict[str, Any] = {
        "at_s": 1_795_183_260.0,  # a minute after the incident
        "word": "degraded",
        "reasons": ("worker_died of face_swap",),
        "tasks": (
            TaskStatus(
                name="face_swap",
                ready=True,
                why_not="",
                degraded=(),
                busy=2,
                able=2,
                places=2,
                queue=(QueueStatus(priority="interactive", waiting=3, oldest_s=0.4, predicted_s=1.0),),
            ),
        ),
        "incidents": (incident(),),
        "is_whole": True,
        "version": "1.2.3",
        "uptime_s": 11_520.0,
        "workers": (worker(0), worker(1, deaths=2)),
        "traffic": TRAFFIC,
        "jobs": JobsStatus(
            counts={"queued": 1, "running": 1, "paused": 0}, latest=(job(1), job(2, state="queued"))
        ),
        "probes": (ProbeStatus(probe="disk", status="warning", subject="data", value=0.91, unit="share"),),
        "probes_ok": 26,
        "server_rss_bytes": 80_000_000,
    }
    return ServiceStatus(**(told | more))
