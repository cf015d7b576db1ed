"""One sign that something is wrong, and what the policies look at to find it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from steadfast.errors import Severity
from steadfast.health.readings import Reading, Status, Thresholds
from steadfast.health.work_record import WorkRecord
from steadfast.runtime.caller import Caller
from steadfast.runtime.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """Something is wrong now. Signs of one kind about one subject are one incident."""

    kind: str
    """One word; for a threshold, the probe's name."""
    subject: str
    """What it is about: a task, a worker, a disk, a device, …"""
    severity: Severity
    evidence: str
    """What was seen, in words and numbers of our own; nothing of a user's."""
    looks: int = 2
    """In how many looks in a row it must be seen before it counts."""
    is_moment: bool = False
    """Whether it is over as soon as it has happened."""
    task: str = ""
    """Whom remedies are for."""
    worker: str = ""
    requests: tuple[int, ...] = ()
    """Requests that hang on it, by the runtime's numbers: what `abort` would end."""
    callers: tuple[Caller, ...] = ()
    """Whose requests it has touched; a client may have chosen the names."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two signs one incident."""
        return self.kind, self.subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What the detector must know of a probe."""

    thresholds: Thresholds
    makes_incidents: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Everything that one look sees."""

    now_s: float
    """On the monotonic clock."""
    readings: Sequence[Reading]
    snapshot: Snapshot
    work: WorkRecord
    cpu_s: Mapping[int, float] = field(default_factory=dict)
    """Processor seconds used or waited for so far, by process id of workers."""
    watched: Mapping[str, Watched] = field(default_factory=dict)
    """By name of the probe."""


class Policy(Protocol):
    """Finds one sort of trouble. It may remember; it must not act."""

    def look(self, scene: Scene) -> Iterable[Sign]:
        """What holds now; whether that has lasted long enough is the detector's affair."""


SEVERITIES = {Status.WARNING: Severity.WARNING, Status.ERROR: Severity.ERROR, Status.FATAL: Severity.FATAL}
GRADE = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2, Severity.FATAL: 3}
"""Which of two is graver."""
