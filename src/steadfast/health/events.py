"""What health states; logs and metrics listen."""

from dataclasses import dataclass

from steadfast.errors import Severity
from steadfast.events import Event
from steadfast.health.incidents import Change


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentMoved(Event):
    """An incident was opened, became graver, was acted on, or ended."""

    incident: str
    """Its id."""
    kind: str
    severity: Severity
    change: Change
    jobs: tuple[str, ...] = ()
    """Ids of jobs that it has touched so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertDelivered(Event):
    """A receiver has taken an alert."""

    channel: str
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertNotDelivered(Event):
    """A receiver has not taken an alert."""

    channel: str
    attempts: int
    is_kept: bool
    """Whether it will be tried again."""
