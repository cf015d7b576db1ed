"""The last facts of every worker, kept so that its death can be told with what came before it."""

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from steadfast.events import Event
from steadfast.health.events import AlertDelivered, AlertNotDelivered, IncidentMoved
from steadfast.health.plain_facts import plain_fact
from steadfast.runtime.events import WorkerPrinted

_MOST_EVENTS = 200
_MOST_WORKERS = 64

Redact = Callable[[str, Any], Any]
"""What may be told of one field: `Redactor.value`."""


class FlightRecorder:
    """Two hundred events per worker; those that name no worker are of all."""

    def __init__(self, *, redact: Redact, now: Callable[[], datetime]) -> None:
        self._redact = redact
        self._now = now
        self._tracks: OrderedDict[str, deque[tuple[datetime, Event]]] = OrderedDict()

    def hear(self, event: Event) -> None:
        """Keeps one fact; it is only written out when somebody asks, which is seldom."""
        # Anybody's words (their outline comes with the death), and what health itself says of all this.
        if isinstance(event, WorkerPrinted | IncidentMoved | AlertDelivered | AlertNotDelivered):
            return
        worker = getattr(event, "worker", "") or getattr(event, "slot", "")
        track = self._tracks.get(worker)
        if track is None:
            track = self._tracks[worker] = deque(maxlen=_MOST_EVENTS)
            if len(self._tracks) > _MOST_WORKERS:
                self._tracks.popitem(last=False)
        track.append((self._now(), event))

    def track(self, worker: str) -> list[dict[str, Any]]:
        """What is kept of that worker and of all, oldest first, without what belongs to users."""
        kept = [*self._tracks.get("", ()), *(self._tracks.get(worker, ()) if worker else ())]
        latest = sorted(kept, key=lambda entry: entry[0])[-_MOST_EVENTS:]
        return [{"at": at.isoformat()} | self._told(event) for at, event in latest]

    def _told(self, event: Event) -> dict[str, Any]:
        return {name: self._redact(name, value) for name, value in plain_fact(event).items()}
