"""Who could do what waits: which servers can, whether any of them takes it, and who is missed.

A job whose engine or capability nobody has is not refused, for such a server may come; it is said instead.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from steadfast.cluster.capability import Abilities
from steadfast.cluster.node import Node, NodeState
from steadfast.cluster.registry import Registry
from steadfast.database.database import Database
from steadfast.jobs.job import Job, WaitsFor

_NOT_THERE = frozenset({NodeState.GONE, NodeState.STOPPED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """What no server that takes work can do."""

    task: str
    capability: str
    missed: Node | None
    """Who could: one that is there and takes nothing, else the one that was there last; None: nobody since a
    day."""

    @property
    def is_taken_out(self) -> bool:
        """Whether somebody who could is there, and takes nothing."""
        return self.missed is not None and self.missed.state not in _NOT_THERE

    @property
    def for_s(self) -> float | None:
        """Since nobody who could was there; None: somebody is, or nobody was for a day."""
        return None if self.missed is None or self.is_taken_out else self.missed.silent_s

    @property
    def detail(self) -> str:
        """For whoever has the job: no names of servers."""
        told = "those that there are take no work now" if self.is_taken_out else "none is there"
        return f"It waits for a server {self._words}; {told}."

    @property
    def why(self) -> str:
        """For whoever runs the servers."""
        if self.missed is None:
            return f"no server {self._words} was there within a day"
        name, state = self.missed.name, self.missed.state
        if self.is_taken_out:
            return f"no server {self._words} takes work: {name} is {state}"
        return f"no server {self._words} is there; the last one, {name}, is {state}"

    @property
    def _words(self) -> str:
        return f"with {self.capability}" if self.capability else f"that does {self.task}"


class Coverage:
    """All servers at one moment, as far as work is concerned."""

    def __init__(self, nodes: Iterable[Node], *, at: datetime) -> None:
        """`at`: when they were looked at, on the database's clock."""
        self._nodes = [
            (node, Abilities(node.facts.capabilities, manifest=node.facts.manifest))
            for node in nodes
            if node.role != "api"
        ]
        self._at = at

    def lack(self, task: str, capability: str) -> Lack | None:
        """Whom such work misses; None: somebody can do it, and takes work."""
        able = self._able(task, capability)
        if any(node.state is NodeState.ACTIVE for node in able):
            return None
        # Who is there before who is not; among those the one that was seen last.
        missed = min(able, key=lambda node: (node.state in _NOT_THERE, node.silent_s), default=None)
        return Lack(task=task, capability=capability, missed=missed)

    def others_do(self, task: str, capability: str, *, apart_from: str) -> bool:
        """Whether another server that works can do it."""
        able = self._able(task, capability)
        return any(node.name != apart_from and node.state is NodeState.ACTIVE for node in able)

    def waits_for(self, job: Job, *, later_s: float = 0.0) -> WaitsFor | None:
        """What the job waits for that nobody can do; `later_s`: since these servers were looked at."""
        lack = self.lack(job.order.task, job.capability)
        if lack is None:
            return None
        age_s = (self._at + timedelta(seconds=later_s) - job.created_at).total_seconds()
        silent_s = age_s if lack.for_s is None else lack.for_s + later_s
        for_s = None if lack.is_taken_out else max(0.0, min(age_s, silent_s))
        return WaitsFor(capability=lack.capability, for_s=for_s, detail=lack.detail)

    def _able(self, task: str, capability: str) -> list[Node]:
        return [
            node for node, abilities in self._nodes if task in node.facts.tasks and abilities.has(capability)
        ]


class Roster:
    """The servers as they were a moment ago: read when somebody asks, never because time passes."""

    def __init__(self, database: Database, registry: Registry, *, fresh_s: float) -> None:
        """`fresh_s`: for how long a look is good."""
        self._database = database
        self._registry = registry
        self._fresh_s = fresh_s
        self._looking = asyncio.Lock()
        self._found: tuple[float, Coverage] | None = None

    async def coverage(self) -> Coverage:
        """Who can do what. Raises `DatabaseProblem`."""
        return (await self._look())[1]

    async def waits_for(self, job: Job) -> WaitsFor | None:
        """What the job waits for that nobody can do. Raises `DatabaseProblem`."""
        looked_s, coverage = await self._look()
        return coverage.waits_for(job, later_s=time.monotonic() - looked_s)

    async def _look(self) -> tuple[float, Coverage]:
        async with self._looking:  # one look for all who ask at once
            if self._found is None or time.monotonic() - self._found[0] > self._fresh_s:
                looked_s = time.monotonic()
                sight = await self._database.run(self._registry.look)
                self._found = looked_s, Coverage(sight.nodes, at=sight.at)
            return self._found
