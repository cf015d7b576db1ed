"""Everything of the cluster that one server has, begun and ended as one."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from steadfast.cluster.chief import Chief
from steadfast.cluster.coverage import Coverage
from steadfast.cluster.dispatcher import Dispatcher
from steadfast.cluster.membership import Member
from steadfast.cluster.message import ANY, Errand
from steadfast.cluster.messenger_process import Messenger
from steadfast.cluster.node import Node, NodeState
from steadfast.cluster.registry import Registry, Sight
from steadfast.cluster.shared_rates import SharedRates
from steadfast.cluster.unserved import UnservedWatch
from steadfast.cluster.waiting_work import Demand, demand
from steadfast.errors import DatabaseProblem
from steadfast.jobs.job import JobPriority
from steadfast.jobs.transaction import JobDatabase

_log = logging.getLogger(__name__)

_FORGET_EVERY_S = 3600.0
_BOOKS_EVERY_S = 5.0
_AGAIN_S = 1.0

Chore: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterState:
    """How everything stands."""

    nodes: tuple[Node, ...]
    demand: tuple[Demand, ...]
    broker: str
    """`none`, `ready` or `away`, as seen from the server that was asked."""
    depths: dict[Errand, int]
    """Messages that waited when that server looked last."""

    def as_dict(self) -> dict[str, Any]:
        """As the API says it."""
        by_errand = {(one.capability, int(one.priority)): one for one in self.demand}
        queues = []
        for errand in sorted(
            {*self.depths, *(Errand(capability=c, priority=p) for c, p in by_errand)}, key=str
        ):
            waiting = by_errand.get((errand.capability, errand.priority))
            queues.append(
                {
                    "capability": errand.capability or ANY,
                    "priority": JobPriority(errand.priority).name.lower(),
                    "messages": self.depths.get(errand),
                    "steps": waiting.steps if waiting else 0,
                    "oldest_s": round(waiting.oldest_s, 3) if waiting else 0.0,
                    "device_s": round(waiting.device_s, 3) if waiting else 0.0,
                    "unserved_steps": waiting.unserved_steps if waiting else 0,
                    "lacking": (waiting.lacking or None) if waiting else None,
                }
            )
        live = [node for node in self.nodes if node.state not in (NodeState.GONE, NodeState.STOPPED)]
        return {
            "nodes": [node.as_dict() for node in self.nodes],
            "queues": queues,
            "broker": self.broker,
            "chief": next((node.name for node in live if node.facts.is_chief), None),
            "clock_skew_s": round(max((abs(node.skew_s) for node in live), default=0.0), 3),
        }


class Cluster:
    """One per server."""

    def __init__(
        self,
        jobs: JobDatabase,
        *,
        registry: Registry,
        chief: Chief,
        member: Member,
        unserved: UnservedWatch,
        messenger: Messenger | None = None,
        dispatcher: Dispatcher | None = None,
        rates: SharedRates | None = None,
    ) -> None:
        self._jobs = jobs
        self.registry = registry
        self.chief = chief
        self.member = member
        self._unserved = unserved
        self._messenger = messenger
        self._dispatcher = dispatcher
        self._rates = rates
        self._chores: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self.latest: ClusterState | None = None
        """How everything stood a few seconds ago, where this server is the chief."""

    async def start(self) -> None:
        """Says that it is there, and begins. Raises `DatabaseProblem`."""
        await asyncio.to_thread(self.chief.stand)
        await self.member.beat()
        chores: list[Chore] = [
            self.chief.run,
            self.member.run,
            self.member.look_forever,
            self._keep_books,
        ]
        if self._messenger is not None and self._dispatcher is not None:
            self._unsubscribe = self._dispatcher.hear()
            chores += [self._messenger.run, self._dispatcher.run]
        if self._rates is not None:
            chores.append(self._rates.run)
        self._chores = [asyncio.create_task(_kept_going(chore)) for chore in chores]

    def draw_in(self) -> None:
        """No message comes any more: what runs is finished or handed back, by somebody else."""
        self.member.draw_in()

    async def stop(self) -> None:
        """Ends; the database is somebody else's."""
        self._unsubscribe()
        for chore in self._chores:
            chore.cancel()
        for chore in self._chores:
            with suppress(asyncio.CancelledError):
                await chore
        if self._messenger is not None:
            await self._messenger.stop()
        await self.member.leave()
        await asyncio.to_thread(self.chief.resign)

    @property
    def broker(self) -> str:
        """`none`, `ready` or `away`."""
        if self._messenger is None:
            return "none"
        return "ready" if self._messenger.is_ready else "away"

    async def state(self) -> ClusterState:
        """How everything stands. Raises `DatabaseProblem`."""
        sight = await self._jobs.database.run(self.registry.look)
        depths = dict(self._dispatcher.depths) if self._dispatcher is not None else {}
        waiting = tuple(await self._demand(sight))
        return ClusterState(nodes=tuple(sight.nodes), demand=waiting, broker=self.broker, depths=depths)

    async def demand(self) -> list[Demand]:
        """What waits. Raises `DatabaseProblem`."""
        return await self._demand(await self._jobs.database.run(self.registry.look))

    async def _demand(self, sight: Sight) -> list[Demand]:
        coverage = Coverage(sight.nodes, at=sight.at)
        return await self._jobs.read(lambda c: demand(c, sight.at.timestamp(), coverage))

    async def _keep_books(self) -> None:
        """What the metrics show, by the chief alone: a look at everything is not worth a thousand."""
        forgot_s = 0.0
        while True:
            try:
                self.latest = await self.state() if self.chief.is_chief else None
                self._unserved.look(self.latest.demand if self.latest is not None else ())
                if self.latest is not None and time.monotonic() - forgot_s > _FORGET_EVERY_S:
                    forgot_s = time.monotonic()
                    await self._jobs.database.run(self.registry.forget_old)
            except DatabaseProblem as error:
                _log.warning("cluster not looked at", extra={"code": error.code})
            await asyncio.sleep(_BOOKS_EVERY_S)


async def _kept_going(chore: Chore) -> None:
    """What fails as nobody foresaw is told and begun again: without signs of life a server counts as gone."""
    while True:
        try:
            await chore()
        except Exception:  # noqa: BLE001 — it becomes a line in the log, and nobody else would know
            _log.exception("cluster chore failed")
        await asyncio.sleep(_AGAIN_S)
