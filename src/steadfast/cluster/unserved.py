"""Work that nobody can do, said once it has waited for a while, and again when it is over.

Told by the chief alone, and to the end: who is no longer chief takes back what it said.
"""

import time
from collections.abc import Callable, Iterable

from steadfast.cluster.message import ANY
from steadfast.cluster.waiting_work import Demand
from steadfast.events import publish
from steadfast.jobs.events import WorkServed, WorkUnserved


class UnservedWatch:
    """One per server."""

    def __init__(self, *, after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`after_s`: how long it must have waited; `clock` is monotonic."""
        self._after_s = after_s
        self._clock = clock
        self._since_s: dict[str, float] = {}
        self._told: set[str] = set()

    def look(self, waiting: Iterable[Demand]) -> None:
        """States what has changed."""
        now_s = self._clock()
        found: dict[str, list[Demand]] = {}
        for one in waiting:
            if one.unserved_steps:
                found.setdefault(one.capability or ANY, []).append(one)
        for capability in self._told - found.keys():
            self._told.remove(capability)
            publish(WorkServed(capability=capability))
        self._since_s = {capability: self._since_s.get(capability, now_s) for capability in found}
        for capability in found.keys() - self._told:
            waited_s = now_s - self._since_s[capability]
            if waited_s >= self._after_s:
                self._told.add(capability)
                publish(_unserved(capability, found[capability], waited_s))


def _unserved(capability: str, waiting: list[Demand], waited_s: float) -> WorkUnserved:
    steps = sum(one.unserved_steps for one in waiting)
    return WorkUnserved(capability=capability, steps=steps, waited_s=waited_s, why=waiting[0].lacking)
