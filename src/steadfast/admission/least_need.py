"""What even the smallest of the latest requests of a kind needed, known before the next one is read."""

from collections import deque

_KEPT = 64
_ENOUGH = 16


class LeastNeed:
    """By kind of request; kinds are few, for they are words of ours."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[float]] = {}

    def note(self, kind: str, needed_s: float) -> None:
        """One more of that kind, by what was foretold of it when it had been read."""
        latest = self._latest.get(kind)
        if latest is None:
            latest = self._latest[kind] = deque(maxlen=_KEPT)
        latest.append(needed_s)

    def of(self, kind: str) -> float:
        """Seconds; 0 while too few are known to say."""
        latest = self._latest.get(kind)
        return min(latest) if latest is not None and len(latest) >= _ENOUGH else 0.0
