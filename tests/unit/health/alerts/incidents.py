"""Incidents and their changes, for tests of alerts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from steadfast.errors import Severity
from steadfast.health.alerts.notice import Notice, tell
from steadfast.health.incidents import Change, Incident, IncidentChange, Outcome

MOMENT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def incident(number: int = 1, **more: Any) -> Incident:
    """A worker that died."""
    facts: dict[str, Any] = {
        "kind": "worker_died",
        "severity": Severity.ERROR,
        "subject": "face_swap",
        "evidence": ("a worker died: signalled SIGSEGV",),
        "detected_at": MOMENT,
    } | more
    return Incident(id=f"inc_{number}", **facts)


def over(number: int = 1, **more: Any) -> Incident:
    """The same, five minutes later."""
    later = {"outcome": Outcome.RECOVERED, "recovered_at": MOMENT + timedelta(minutes=5)}
    return incident(number, **(later | more))


def change(what: Change, one: Incident) -> IncidentChange:
    """One step of it."""
    return IncidentChange(change=what, incident=one)


def notice(*incidents: Incident, held_back: int = 0) -> Notice:
    """What an alert says of them."""
    told = tuple(map(tell, incidents or (incident(),)))
    return Notice(instance="cam-1", incidents=told, held_back=held_back)
