"""Jobs, their items and what happened to them, as clients read it.

What a client said of a job (labels, subject, callback, names of files) is for that client alone: an
administrator who looks at jobs of others sees what they are and cost, not what they are called nor what was
typed: of a failure, which may quote that, the code.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from steadfast.jobs.job import Attempt, Cost, Item, Job, JobFailure, Progress
from steadfast.jobs.labels import OWN_LABELS
from steadfast.jobs.port import HistoryEntry

JOBS = "/v1/jobs"
_MODEL = "model "
_SENTENCES = frozenset({"detail", "remedy", "why"})


def job_document(job: Job, *, is_own: bool) -> dict[str, Any]:
    """One job."""
    pin = job.pin or {}
    document: dict[str, Any] = {
        "id": job.id,
        "state": job.state.value,
        "task": job.order.task,
        "priority": job.order.priority.name.lower(),
        "degraded": list(job.degraded),
        "held": job.held or None,
        "waits_for": _lacking(job),
        "failure": failure_document(job.failure, is_own=is_own),
        "progress": progress_document(job.progress),
        "attempts": job.attempts,
        "failed_attempts": job.failed_attempts,
        "engine": pin.get("engine"),
        "models": [
            f"{name.removeprefix(_MODEL)}@{value}" for name, value in pin.items() if name.startswith(_MODEL)
        ],
        "pin": job.pin,
        "cost": cost_document(job.cost),
        "segment_s": job.order.segment_s,
        "on_segment_failure": job.order.on_segment_failure.value,
        "on_pin_lost": job.order.on_pin_lost.value,
        "fresh": job.order.fresh,
        "incidents": list(job.incidents),
        **_times(job),
    }
    return document | (_words(job) if is_own else {"owner": job.order.owner})


def _lacking(job: Job) -> dict[str, Any] | None:
    """Which server it waits for that is not there; others than the operator are told of no names."""
    lacking = job.waits_for
    if lacking is None:
        return None
    for_s = None if lacking.for_s is None else round(lacking.for_s, 1)
    return {"capability": lacking.capability or None, "no_server_for_s": for_s, "detail": lacking.detail}


def _words(job: Job) -> dict[str, Any]:
    return {
        "options": dict(job.order.options),
        "labels": {
            name: value for name, value in job.order.labels.items() if not name.startswith(OWN_LABELS)
        },
        "subject": job.order.subject or None,
        "callback_url": job.order.callback_url or None,
    }


def _times(job: Job) -> dict[str, str | None]:
    names = ("created_at", "started_at", "ended_at", "expires_at", "inputs_gone_at", "results_gone_at")
    return {name: moment(getattr(job, name)) for name in names}


def progress_document(progress: Progress) -> dict[str, Any]:
    """How far a job is; `share` is from 0 to 1."""
    return _rounded(msgspec.to_builtins(progress))


def _rounded(progress: Mapping[str, Any]) -> dict[str, Any]:
    return {**progress, "share": round(progress["share"], 4)}


def cost_document(cost: Cost) -> dict[str, Any]:
    """What it took."""
    plain: dict[str, Any] = msgspec.to_builtins(cost)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in plain.items()}


def item_document(job: Job, item: Item, *, is_own: bool) -> dict[str, Any]:
    """One item, and where its result is."""
    document: dict[str, Any] = {
        "number": item.number,
        "target": _input_document(item, is_own=is_own),
        "sources": [source.sha256 for source in item.order.sources],
        "result": None,
        "failure": failure_document(item.failure, is_own=is_own),
        "degraded": list(item.degraded),
        "answered_from": item.answered_from or None,
        "report": dict(item.report),
    }
    if item.result is not None and job.results_gone_at is None:
        document["result"] = {
            "url": f"{JOBS}/{job.id}/result?item={item.number}",
            "sha256": item.result.sha256,
            "size_bytes": item.result.size_bytes,
            "media_type": item.result.media_type,
        } | ({"name": item.result.name} if is_own else {})
    return document


def _input_document(item: Item, *, is_own: bool) -> dict[str, Any]:
    target = item.order.target
    named = {"name": target.name} if is_own and target.name else {}
    return {"sha256": target.sha256, "size_bytes": target.size_bytes} | named


def attempt_document(attempt: Attempt, *, is_own: bool) -> dict[str, Any]:
    """One try at a step."""
    return {
        "item": attempt.item,
        "step": attempt.kind.value,
        "number": attempt.number,
        "worker": attempt.worker or None,
        "outcome": attempt.outcome.value,
        "fault": attempt.fault.value if attempt.fault else None,
        "code": attempt.code or None,
        "detail": (attempt.detail or None) if is_own else None,
        "began_at": moment(attempt.began_at),
        "ended_at": moment(attempt.ended_at),
        "cost": cost_document(attempt.cost),
    }


def entry_document(job_id: str, entry: HistoryEntry, *, is_own: bool) -> dict[str, Any]:
    """One thing that happened; only its owner is told sentences, which may quote what was typed."""
    data = {name: value for name, value in entry.data.items() if is_own or name not in _SENTENCES}
    if entry.kind == "progress":
        data = _rounded(data)
    return {"job": job_id, "id": entry.id or None, "kind": entry.kind, "at": moment(entry.at), "data": data}


def failure_document(failure: JobFailure | None, *, is_own: bool) -> dict[str, str] | None:
    """Why something failed; to others than its owner only by code."""
    if failure is None:
        return None
    if not is_own:
        return {"code": failure.code, "detail": "Its owner can see why.", "remedy": ""}
    return {"code": failure.code, "detail": failure.detail, "remedy": failure.remedy}


def moment(at: datetime | None) -> str | None:
    """In UTC, to the millisecond."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
