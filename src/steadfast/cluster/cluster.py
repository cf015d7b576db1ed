"""Everything of the cluster that one server has, begun and ended as one."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from steadfast.cluster.chief import Chief
from steadfast.cluster.dispatcher import Dispatcher
from steadfast.cluster.membership import Member
from steadfast.cluster.message import Errand
from steadfast.cluster.messenger_process import Messenger
from steadfast.cluster.node import Node
from steadfast.cluster.registry import Registry
from steadfast.cluster.waiting_work import Demand, demand
from steadfast.jobs.transaction import JobDatabase

_FORGET_EVERY_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterState:
    """How everything stands."""

    nodes: tuple[Node, ...]
    demand: tuple[Demand, ...]
    broker: str
    """`none`, `ready` or `away`, as seen from the server that was asked."""
    depths: dict[Errand, int]
    """Messages that waited when that server looked last."""


class Cluster:
    """One per server."""

    def __init__(
        self,
        jobs: JobDatabase,
        *,
        registry: Registry,
        chief: Chief,
        member: Member,
        messenger: Messenger | None = None,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self._jobs = jobs
        self.registry = registry
        self.chief = chief
        self.member = member
        self._messenger = messenger
        self._dispatcher = dispatcher
        self._chores: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Says that it is there, and begins. Raises `DatabaseProblem`."""
        await asyncio.to_thread(self.chief.stand)
        await self.member.beat()
        chores = [self.chief.run(), self.member.run(), self.member.look_forever(), self._forget_forever()]
        if self._messenger is not None and self._dispatcher is not None:
            self._unsubscribe = self._dispatcher.hear()
            chores += [self._messenger.run(), self._dispatcher.run()]
        self._chores = [asyncio.create_task(chore) for chore in chores]

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
        nodes = await self._jobs.database.run(self.registry.nodes)
        depths = dict(self._dispatcher.depths) if self._dispatcher is not None else {}
        waiting = tuple(await self.demand())
        return ClusterState(nodes=tuple(nodes), demand=waiting, broker=self.broker, depths=depths)

    async def demand(self) -> list[Demand]:
        """What waits. Raises `DatabaseProblem`."""
        clock = self._jobs.clock
        return await self._jobs.read(lambda c: demand(c, clock.moment(clock.now_s(c)).timestamp()))

    async def _forget_forever(self) -> None:
        while True:
            await asyncio.sleep(_FORGET_EVERY_S)
            if self.chief.is_chief:
                with suppress(Exception):
                    await self._jobs.database.run(self.registry.forget_old)
