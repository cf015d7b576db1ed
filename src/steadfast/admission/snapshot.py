"""What admission knows at one moment, as plain values for probes, metrics and people."""

from collections.abc import Mapping
from dataclasses import dataclass

from steadfast.admission.arrival import Priority
from steadfast.admission.events import Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSnapshot:
    """One task."""

    task: str
    workers: int
    """Requests that can be worked on at once, as far as admission was told."""
    limit: int
    """Requests that may be inside together."""
    inside: int
    """Requests that were let in and are not done."""
    waiting: Mapping[Priority, int]
    oldest_wait_s: Mapping[Priority, float]
    """How long the one that came first has waited; 0: nobody waits."""
    predicted_wait_s: Mapping[Priority, float]
    """Of a request of a new client that came now."""
    admitted: int
    """Since the start, as all counts."""
    finished: int
    """Of the admitted, those that were answered well."""
    refused: Mapping[Refusal, int]
    """Turned away at the door or from the line."""
    cancelled: int
    """Left the line by themselves."""
    service_error: float | None
    """Median absolute error of the predicted times of service, as a part of the true ones; None: too few."""
    wait_error: float | None
    """The same of the predicted waits."""
    pace: float
    """Predicted work done per second of busy workers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSnapshot:
    """All tasks."""

    lanes: tuple[LaneSnapshot, ...]
    limited: Mapping[Refusal, int]
    """Turned away for their rate, or because the service is stopping; since the start."""
    open: bool
    """Whether new requests are taken."""

    def lane(self, task: str) -> LaneSnapshot:
        """The one of `task`. Raises `KeyError`."""
        for lane in self.lanes:
            if lane.task == task:
                return lane
        raise KeyError(task)
