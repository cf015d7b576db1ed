"""What comes and goes too often: workers that load again and again, readiness and incidents that flap."""

from collections import deque
from collections.abc import Iterable

from steadfast.errors import Severity
from steadfast.events import Event
from steadfast.health.detection.sign import Scene, Sign
from steadfast.runtime.events import WorkerStateChanged
from steadfast.runtime.states import WorkerState

_WITHIN_S = 600.0
_FLAPS = 4
_LOADS_PER_PLACE = 3
_LOADS_AT_LEAST = 4


class Occurrences:
    """How often something happened lately."""

    def __init__(self) -> None:
        self._at_s: dict[str, deque[float]] = {}

    def add(self, name: str, now_s: float) -> None:
        """It happened now."""
        self._at_s.setdefault(name, deque(maxlen=1000)).append(now_s)

    def lately(self, name: str, now_s: float) -> int:
        """How often in the last ten minutes."""
        moments = self._at_s.get(name, deque())
        while moments and now_s - moments[0] > _WITHIN_S:
            moments.popleft()
        return len(moments)

    def names(self) -> list[str]:
        """Everything that ever happened."""
        return list(self._at_s)


class ReloadPolicy:
    """Models that are loaded more often than replacing a staff thrice would take."""

    def __init__(self) -> None:
        self._loads = Occurrences()
        self._new: list[str] = []

    def hear(self, event: Event) -> None:
        """Counts workers that begin to load for the first time."""
        if (
            isinstance(event, WorkerStateChanged)
            and event.before is WorkerState.STARTING
            and event.after is WorkerState.LOADING
        ):
            self._new.append(event.task)

    def look(self, scene: Scene) -> Iterable[Sign]:
        """Tasks that load too often."""
        new, self._new = self._new, []
        for task in new:
            self._loads.add(task, scene.now_s)
        for pool in scene.snapshot.pools:
            loads = self._loads.lately(pool.task, scene.now_s)
            if loads >= _LOADS_AT_LEAST + _LOADS_PER_PLACE * (pool.places + 1):
                yield Sign(
                    kind="reloading",
                    subject=pool.task,
                    severity=Severity.WARNING,
                    evidence=f"models were loaded {loads} times in {_WITHIN_S / 60:.0f} minutes",
                    looks=1,
                    task=pool.task,
                )


class FlappingPolicy:
    """Incidents and readiness that come and go."""

    def __init__(self) -> None:
        self._turns = Occurrences()
        self._new: list[str] = []
        self._was_ready: dict[str, bool] = {}

    def count(self, kind: str) -> None:
        """An incident of that kind has begun."""
        self._new.append(kind)

    def look(self, scene: Scene) -> Iterable[Sign]:
        """What has begun too often."""
        for pool in scene.snapshot.pools:
            if self._was_ready.get(pool.task) is True and not pool.ready:
                self._new.append(f"readiness:{pool.task}"[:61])
            self._was_ready[pool.task] = pool.ready
        new, self._new = self._new, []
        for name in new:
            self._turns.add(name, scene.now_s)
        for name in self._turns.names():
            turns = self._turns.lately(name, scene.now_s)
            if turns >= _FLAPS:
                yield Sign(
                    kind="flapping",
                    subject=name,
                    severity=Severity.WARNING,
                    evidence=f"it has begun {turns} times in {_WITHIN_S / 60:.0f} minutes",
                    looks=1,
                )
