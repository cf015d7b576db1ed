"""What was answered, counted by route and status."""

from collections import Counter, defaultdict
from collections.abc import Mapping


class Tally:
    """Counts of answers by route and status."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.running = 0
        """Requests that have come in and are not answered yet."""

    def count(self, route: str, status: int, took_s: float) -> None:
        """One request has ended."""
        self._answers[route, status] += 1
        self._seconds[route] += took_s

    def answers(self) -> Mapping[tuple[str, int], int]:
        """How many by route and status."""
        return self._answers

    def seconds(self) -> Mapping[str, float]:
        """Time that they took together, by route."""
        return self._seconds
