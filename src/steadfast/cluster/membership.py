"""This server as a node among others: it says that it is there, and does what the operator wants of it."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from steadfast.cluster.capability import Abilities
from steadfast.cluster.message import errands_of
from steadfast.cluster.messenger_process import Messenger
from steadfast.cluster.node import NodeFacts, NodeState, Wanted
from steadfast.cluster.registry import Registry
from steadfast.errors import DatabaseProblem, SteadfastError
from steadfast.jobs.scheduler import Scheduler
from steadfast.jobs.transaction import JobDatabase

_log = logging.getLogger(__name__)

_JITTER = 0.1
_DEAF_AFTER = 3
"""Looks in a row that found work of which no message had come, after which another messenger is begun."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberOptions:
    """Who this server is, and how often it does what."""

    name: str
    role: str
    version: str
    abilities: Abilities
    heartbeat_s: float
    look_s: float
    grace_s: float
    """In which work may end after a drain was asked for."""


class Member:
    """One per server; lives on its event loop."""

    def __init__(
        self,
        options: MemberOptions,
        *,
        jobs: JobDatabase,
        registry: Registry,
        scheduler: Scheduler,
        messenger: Messenger | None,
        facts: Callable[[], NodeFacts],
        models: Callable[[], dict[str, str]],
    ) -> None:
        """`facts` is asked on the event loop, `models` (those here and their sums), which may read, aside."""
        self._jobs = jobs
        self._registry = registry
        self._scheduler = scheduler
        self._messenger = messenger
        self._options = options
        self._facts = facts
        self._models = models
        self._draining: asyncio.Task[None] | None = None
        self._missed = 0
        self.state = NodeState.ACTIVE
        self.wanted = Wanted.ACTIVE

    async def run(self) -> None:
        """Gives signs of life for ever, and heeds what comes back."""
        while True:
            with suppress(DatabaseProblem):  # the others see the silence
                await self.beat()
            await asyncio.sleep(self._options.heartbeat_s * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311

    async def beat(self) -> None:
        """One sign of life. Raises `DatabaseProblem`."""
        wanted = await self._jobs.database.run(self._beat, self._facts())
        if wanted is not self.wanted:
            self._heed(wanted)
        if self._messenger is not None and self._options.role != "api":
            self._messenger.listen_to(errands_of(self._options.abilities.listens_for))

    def _beat(self, facts: NodeFacts) -> Wanted:
        return self._registry.beat(
            name=self._options.name,
            incarnation=str(self._jobs.here),
            role=self._options.role,
            version=self._options.version,
            state=self.state,
            facts=msgspec.structs.replace(facts, models=self._models()),
        )

    # --- what the operator wants ------------------------------------------------------------------------

    def _heed(self, wanted: Wanted) -> None:
        _log.warning("operator wants node otherwise", extra={"before": self.wanted, "after": wanted})
        self.wanted = wanted
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        is_active = wanted is Wanted.ACTIVE
        self._scheduler.company.takes_nothing = not is_active
        if self._messenger is not None:
            self._messenger.listen(wanted=is_active)
        if wanted is Wanted.DRAINED:
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        else:
            self.state = NodeState.ACTIVE if is_active else NodeState.CORDONED
            self._scheduler.nudge()

    async def _drain(self) -> None:
        self.state = NodeState.DRAINING
        await self._scheduler.hand_back(self._options.grace_s)
        self.state = NodeState.DRAINED
        with suppress(DatabaseProblem):
            await self.beat()

    # --- work of which no message came --------------------------------------------------------------------

    async def look_forever(self) -> None:
        """Looks into the database where no message came for a while: a broker is only a hint."""
        while True:
            await asyncio.sleep(self._options.look_s * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311
            messenger = self._messenger
            if messenger is None or not messenger.is_listening:
                continue  # the scheduler looks by itself
            if time.monotonic() - messenger.called_at_s < self._options.look_s:
                self._missed = 0
                continue
            with suppress(SteadfastError):
                self._missed = self._missed + 1 if await self._scheduler.look() else 0
            if self._missed >= _DEAF_AFTER:
                _log.warning("messenger hears nothing", extra={"count": self._missed})
                self._missed = 0
                messenger.begin_again()

    def draw_in(self) -> None:
        """Listens to nothing any more; signs of life go on while leases are held."""
        self.state = NodeState.DRAINING
        self._scheduler.company.takes_nothing = True
        if self._messenger is not None:
            self._messenger.listen(wanted=False)

    async def leave(self) -> None:
        """Says that it stops."""
        if self._draining is not None:
            self._draining.cancel()
        self.state = NodeState.STOPPED
        with suppress(DatabaseProblem):
            await self._jobs.database.run(self._beat, self._facts())
