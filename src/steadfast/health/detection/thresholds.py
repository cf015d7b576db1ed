"""Readings beyond their thresholds, with hysteresis; and probes that cannot be read."""

from collections.abc import Iterable

from steadfast.errors import Severity
from steadfast.health.detection.sign import SEVERITIES, Scene, Sign
from steadfast.health.readings import RANK, Reading, Status

_MARGIN = 0.05
"""A value that goes to and fro around its threshold must come back by this part of it to be fine again."""


class ThresholdPolicy:
    """One sign per reading that is not fine."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Status] = {}

    def look(self, scene: Scene) -> Iterable[Sign]:
        """What is beyond its threshold, or was and has not come back far enough."""
        held, self._held = self._held, {}
        for reading in scene.readings:
            if reading.status is Status.UNKNOWN:
                yield _unreadable(reading)
                continue
            watched = scene.watched.get(reading.probe)
            if watched is None or not watched.makes_incidents:
                continue
            key = reading.probe, reading.subject
            status: Status = reading.status
            before = held.get(key)
            if before is not None and RANK[before] > RANK[status] and reading.value is not None:
                has_left = watched.thresholds.has_left(before, reading.value, _MARGIN)
                status = status if has_left else before
            if status in SEVERITIES:
                self._held[key] = status
                yield _beyond(reading, status)


def _beyond(reading: Reading, status: Status) -> Sign:
    shown = f"{reading.value:.4g} {reading.unit}".strip() if reading.value is not None else status.value
    is_worker = reading.probe == "worker_memory"
    return Sign(
        kind=reading.probe,
        subject=reading.subject or reading.level.value,
        severity=SEVERITIES[status],
        evidence=f"{reading.probe} reads {shown}" + (f" ({reading.note})" if reading.note else ""),
        looks=1 if status is Status.FATAL else 2,
        worker=reading.subject if is_worker else "",
    )


def _unreadable(reading: Reading) -> Sign:
    return Sign(
        kind="probe_failed",
        subject=reading.probe,
        severity=Severity.WARNING,
        evidence=f"the probe {reading.probe} cannot be read: {reading.note}",
        looks=1,
    )
