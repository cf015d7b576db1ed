"""An incident is one record from the first sign to recovery; signs of the same kind and subject join it."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from steadfast.errors import Severity
from steadfast.health.detection.detector import Findings
from steadfast.health.detection.sign import GRADE, Sign

_MOST_EVIDENCE = 20
_MOST_REQUESTS = 100
_KEPT = 200


class Outcome(StrEnum):
    """How an incident stands or ended."""

    OPEN = "open"  # it lasts
    RECOVERED = "recovered"  # its signs are gone
    PASSED = "passed"  # it was a moment: nothing lasted
    RESTARTED = "restarted"  # the server ended before it was seen to recover


class Change(StrEnum):
    """What has become of an incident."""

    OPENED = "opened"  # its first sign
    RAISED = "raised"  # a graver sign joined
    JOINED = "joined"  # one more sign
    ACTED = "acted"  # a remedy was ordered
    ENDED = "ended"  # it is over


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """One trouble."""

    id: str
    kind: str
    severity: Severity
    """The gravest that was seen."""
    subject: str
    evidence: tuple[str, ...]
    """What was seen, oldest first; the first and the latest are kept."""
    actions: tuple[str, ...] = ()
    """What was done about it."""
    requests: tuple[str, ...] = ()
    """Requests that it touched, as the log names them."""
    jobs: tuple[str, ...] = ()
    """Jobs that it touched."""
    signs: int = 1
    detected_at: datetime
    recovered_at: datetime | None = None
    outcome: Outcome = Outcome.OPEN

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.outcome is Outcome.OPEN

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {
            "id": self.id,
            "kind": self.kind,
            "severity": self.severity.value,
            "subject": self.subject,
            "evidence": list(self.evidence),
            "actions": list(self.actions),
            "requests": list(self.requests),
            "jobs": list(self.jobs),
            "signs": self.signs,
            "detected_at": self.detected_at.isoformat(),
            "recovered_at": self.recovered_at.isoformat() if self.recovered_at else None,
            "outcome": self.outcome.value,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentChange:
    """One step in the life of an incident."""

    change: Change
    incident: Incident
    sign: Sign | None = None
    """What caused it, where a sign did."""


Listener = Callable[[IncidentChange], None]


class IncidentBook:
    """Every incident that lasts, and the latest that are over."""

    def __init__(self, now: Callable[[], datetime], *, redact: Callable[[str, Any], Any]) -> None:
        """`now` is the wall clock: it only dates records; `redact`: `Redactor.value`."""
        self._now = now
        self._redact = redact
        self._open: dict[tuple[str, str], Incident] = {}
        self._over: deque[Incident] = deque(maxlen=_KEPT)
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Hears every change from now on."""
        self._listeners.append(listener)

    def open(self) -> list[Incident]:
        """What lasts, gravest first."""
        return sorted(self._open.values(), key=lambda one: (-GRADE[one.severity], one.detected_at))

    def apply(self, findings: Findings) -> None:
        """Writes down what the detector found."""
        for sign in findings.signs:
            self._add(sign)
        moments = {sign.key for sign in findings.signs if sign.is_moment}
        for key in findings.over:
            self._end(key, was_moment=key in moments)

    def note_action(self, key: tuple[str, str], action: str) -> None:
        """Adds what was done to an incident that lasts."""
        incident = self._open.get(key)
        if incident is not None:
            self._open[key] = replace(incident, actions=(*incident.actions, action)[-_MOST_EVIDENCE:])
            self._tell(Change.ACTED, self._open[key])

    def _add(self, sign: Sign) -> None:
        known = self._open.get(sign.key)
        if known is None:
            incident = self._new(sign)
            self._open[sign.key] = incident
            self._tell(Change.OPENED, incident, sign)
            return
        is_graver = GRADE[sign.severity] > GRADE[known.severity]
        self._open[sign.key] = replace(
            known,
            severity=sign.severity if is_graver else known.severity,
            evidence=_joined(known.evidence, sign.evidence),
            requests=_touched(known.requests, self._names(sign, "request_id")),
            jobs=_touched(known.jobs, self._names(sign, "job_id")),
            signs=known.signs + 1,
        )
        self._tell(Change.RAISED if is_graver else Change.JOINED, self._open[sign.key], sign)

    def _new(self, sign: Sign) -> Incident:
        return Incident(
            id=f"inc_{secrets.token_hex(6)}",
            kind=sign.kind,
            severity=sign.severity,
            subject=sign.subject,
            evidence=(sign.evidence,),
            requests=_touched((), self._names(sign, "request_id")),
            jobs=_touched((), self._names(sign, "job_id")),
            detected_at=self._now(),
        )

    def _names(self, sign: Sign, of: str) -> Iterable[str]:
        """What the sign touched; a name that a client chose is told as the log tells it."""
        given = (getattr(caller, of) for caller in sign.callers)
        return [str(self._redact(of, name)) for name in given if name]

    def _end(self, key: tuple[str, str], *, was_moment: bool) -> None:
        incident = self._open.pop(key, None)
        if incident is None:
            return
        # A clock that was set back must not let anything recover before it was detected.
        at = max(self._now(), incident.detected_at)
        outcome = Outcome.PASSED if was_moment else Outcome.RECOVERED
        ended = replace(incident, recovered_at=at, outcome=outcome)
        self._over.append(ended)
        self._tell(Change.ENDED, ended)

    def _tell(self, change: Change, incident: Incident, sign: Sign | None = None) -> None:
        for listener in tuple(self._listeners):
            listener(IncidentChange(change=change, incident=incident, sign=sign))


def _touched(known: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *new)))[:_MOST_REQUESTS]


def _joined(evidence: Iterable[str], new: str) -> tuple[str, ...]:
    """First and latest: how it began matters as much as how it stands."""
    known = tuple(evidence)
    if new == known[-1]:
        return known
    return (*known, new) if len(known) < _MOST_EVIDENCE else (known[0], *known[2:], new)
