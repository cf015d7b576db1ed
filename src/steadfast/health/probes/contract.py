"""The contract of a probe. Third parties add theirs through the entry point group `steadfast.probes`.

An entry point names a callable that takes a `Surroundings` and answers a `Probe`, or a list of them:

    class QueueOfMine(Probe):
        name = "queue_of_mine"
        unit = "messages"
        thresholds = Thresholds(warning=1000, error=10_000)

        def take(self) -> list[Sample]:
            return [Sample(value=len(self.queue))]
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from steadfast.health.readings import Level, Sample, Thresholds
from steadfast.runtime.snapshot import Snapshot


class Probe(ABC):
    """Looks at one thing. Settings may change every attribute but `name`, `level` and `unit`."""

    name: str
    """Unique; one word, as settings name it."""
    level: Level = Level.RESOURCE
    unit: str = ""
    """Of every value: `bytes`, `fraction`, `s`, …"""
    interval_s: float = 5.0
    """Between two looks."""
    timeout_s: float = 2.0
    """After which a look counts as hung."""
    thresholds: Thresholds = Thresholds()
    is_instant: bool = False
    """Whether `take` may run on the event loop: it then must return within a millisecond, whatever happens.
    Else it runs in a thread of its own."""
    is_watched: bool = True
    """Whether the thresholds make incidents; else they only colour the answer of `/health`."""

    @abstractmethod
    def take(self) -> Iterable[Sample]:
        """Looks once. Whatever it raises makes the probe `unknown` until it works again."""


def _no_death() -> Mapping[str, object] | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What probes may look at."""

    snapshot: Callable[[], Snapshot]
    """What the runtime knows now."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Name → folder that must not run full: `scratch`, `data`, `database`."""
    guardian_pid: int | None = None
    """None: there is no guardian."""
    last_death: Callable[[], Mapping[str, object] | None] = _no_death
    """Why the server before this one died."""
    ping_database: Callable[[], None] | None = None
    """Asks the database something; raises if it does not answer."""
