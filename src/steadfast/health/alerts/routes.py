"""Which incident goes to which channel, grouped and within a rate."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from steadfast.errors import Severity
from steadfast.health.alerts.notice import Notice, Told, tell
from steadfast.health.detection.sign import GRADE
from steadfast.health.incidents import Change, Incident, IncidentChange

_HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """What one channel wants to hear."""

    channel: str
    """`slack`, `mail`, `webhook` or `alertmanager`."""
    least: Severity = Severity.WARNING
    """The least severity."""
    kinds: tuple[str, ...] = ()
    """Only these kinds of incidents; none: all."""

    def wants(self, incident: Incident) -> bool:
        """Whether that channel hears of it."""
        return GRADE[incident.severity] >= GRADE[self.least] and (
            not self.kinds or incident.kind in self.kinds
        )


class Grouping:
    """Collects what one channel is to hear for a moment, then lets it go as one notice.

    An incident is told when it begins, when it gets graver and when it is over; the end is told only of one
    whose beginning was. One that begins and ends within the moment of grouping is told once, as recovered.
    """

    def __init__(
        self,
        route: Route,
        *,
        instance: str,
        group_s: float,
        per_hour: int,
        clock: Callable[[], float],
    ) -> None:
        self.route = route
        self._instance = instance
        self._group_s = group_s
        self._per_hour = per_hour
        self._clock = clock
        self._collected: dict[str, Told] = {}
        self._since_s: float | None = None
        self._told_ids: set[str] = set()
        self._sent_at_s: deque[float] = deque()
        self._held_back = 0

    def add(self, change: IncidentChange) -> None:
        """One change of one incident."""
        incident = change.incident
        if not self.route.wants(incident) or change.change not in (
            Change.OPENED,
            Change.RAISED,
            Change.ENDED,
        ):
            return
        if change.change is Change.ENDED:
            is_known = incident.id in self._told_ids or incident.id in self._collected
            self._told_ids.discard(incident.id)
            if not is_known:
                return
        self._collected[incident.id] = tell(incident)
        if self._since_s is None:
            self._since_s = self._clock()

    def release(self) -> Notice | None:
        """What is to be sent now, if anything is."""
        now_s = self._clock()
        if self._since_s is None or now_s - self._since_s < self._group_s:
            return None
        told = tuple(self._collected.values())
        self._collected, self._since_s = {}, None
        while self._sent_at_s and now_s - self._sent_at_s[0] > _HOUR_S:
            self._sent_at_s.popleft()
        if len(self._sent_at_s) >= self._per_hour:
            self._held_back += 1
            return None
        self._sent_at_s.append(now_s)
        self._told_ids |= {one.id for one in told if one.recovered_at is None}
        held_back, self._held_back = self._held_back, 0
        return Notice(instance=self._instance, incidents=told, held_back=held_back)


def groupings_for(
    routes: Sequence[Route], *, instance: str, group_s: float, per_hour: int, clock: Callable[[], float]
) -> list[Grouping]:
    """One per route."""
    return [
        Grouping(route, instance=instance, group_s=group_s, per_hour=per_hour, clock=clock)
        for route in routes
    ]
