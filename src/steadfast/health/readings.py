"""What a probe says: values with a unit, judged against thresholds, and how old they are."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How near to the service's purpose a probe looks."""

    PROCESS = "process"  # the server and its children as processes
    RESOURCE = "resource"  # what they use up
    CAPABILITY = "capability"  # whether the service can do its job, proved by doing it


class Status(StrEnum):
    """What a reading means."""

    OK = "ok"
    WARNING = "warning"  # worth a look
    ERROR = "error"  # something does not work as it should
    FATAL = "fatal"  # this process should not go on
    UNKNOWN = "unknown"  # the probe hung or failed
    DISABLED = "disabled"  # there is nothing here to measure


RANK = {
    Status.DISABLED: 0,
    Status.OK: 1,
    Status.UNKNOWN: 2,
    Status.WARNING: 3,
    Status.ERROR: 4,
    Status.FATAL: 5,
}
"""Which of two is worse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """From where a value is bad; None: never."""

    warning: float | None = None
    error: float | None = None
    fatal: float | None = None
    is_falling: bool = False
    """Whether small values are the bad ones, as with free space."""

    def judge(self, value: float) -> Status:
        """The worst status whose threshold the value has reached."""
        bounds = ((self.fatal, Status.FATAL), (self.error, Status.ERROR), (self.warning, Status.WARNING))
        for bound, status in bounds:
            if bound is not None and (value <= bound if self.is_falling else value >= bound):
                return status
        return Status.OK

    def has_left(self, status: Status, value: float, margin: float) -> bool:
        """Whether the value is back from that status by more than `margin`, a part of the threshold."""
        bound = {Status.FATAL: self.fatal, Status.ERROR: self.error, Status.WARNING: self.warning}.get(status)
        if bound is None:
            return True
        return value > bound * (1 + margin) if self.is_falling else value < bound * (1 - margin)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One value that a probe measured."""

    value: float | None = None
    """In the probe's unit; None: there is nothing to measure."""
    subject: str = ""
    """What was measured where a probe looks at several: a worker, a disk, a device, a task."""
    limit: float | None = None
    """Where it ends, in the same unit, for a forecast; None: there is no end or it is not known."""
    note: str = ""
    """A few words for people; never a name or a path of a user's."""
    status: Status | None = None
    """Where the probe judges for itself; None: its thresholds do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A sample as it is kept."""

    probe: str
    level: Level
    subject: str
    value: float | None
    unit: str
    limit: float | None
    status: Status
    note: str
    taken_at_s: float
    """On the monotonic clock."""

    def as_dict(self, now_s: float) -> dict[str, object]:
        """Plain data with its age."""
        plain: dict[str, object] = {
            "probe": self.probe,
            "level": self.level.value,
            "status": self.status.value,
            "value": round(self.value, 4) if self.value is not None else None,
            "unit": self.unit,
            "age_s": round(max(0.0, now_s - self.taken_at_s), 1),
        }
        if self.subject:
            plain["subject"] = self.subject
        if self.note:
            plain["note"] = self.note
        return plain


def worst(statuses: "list[Status] | tuple[Status, ...]") -> Status:
    """The worst of them; nothing at all is fine."""
    return max(statuses, key=RANK.__getitem__, default=Status.OK)
