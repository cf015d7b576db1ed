"""Sends messages: at once when a commit of this server makes work, and again and again what nobody was told
of.
 Both are the same act: look how many steps wait for an errand, how many messages do, and send the difference.
So it does not matter what was lost, by whom, or how often somebody was told.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Protocol

from steadfast.cluster.message import Errand
from steadfast.cluster.waiting_work import errands_that_wait, steps_that_wait
from steadfast.errors import DatabaseProblem
from steadfast.events import subscribe_to
from steadfast.jobs.events import FlowWoken
from steadfast.jobs.transaction import JobDatabase

_log = logging.getLogger(__name__)

_TOGETHER_S = 0.02
"""What is woken within this time after a round is one round."""


class Sends(Protocol):
    """The messenger, as far as this file needs it."""

    @property
    def is_ready(self) -> bool:
        """Whether messages can be sent."""

    async def top_up(self, wanted: Mapping[Errand, int]) -> Mapping[Errand, int] | None:
        """Has that many messages wait; how many there were, or None: it cannot now."""


class Dispatcher:
    """One per server; lives on its event loop."""

    def __init__(
        self, jobs: JobDatabase, messenger: Sends, *, is_chief: Callable[[], bool], every_s: float
    ) -> None:
        """`every_s`: how often the chief looks for what nobody was told of."""
        self._jobs = jobs
        self._messenger = messenger
        self._is_chief = is_chief
        self._every_s = every_s
        self._woken: set[Errand] = set()
        self._news = asyncio.Event()
        self.depths: dict[Errand, int] = {}
        """Messages that waited when it was looked last."""

    def hear(self) -> Callable[[], None]:
        """Hears of work from now on; the answer is a function that ends it."""
        return subscribe_to(FlowWoken, self._hear)

    def _hear(self, fact: FlowWoken) -> None:
        self._woken.add(Errand(capability=fact.capability, priority=fact.priority))
        self._news.set()

    async def run(self) -> None:
        """Sends what there is to be sent, for ever."""
        looked_s = 0.0
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._every_s / 2)
            self._news.clear()
            woken, self._woken = self._woken, set()
            try:
                if self._is_chief() and time.monotonic() - looked_s >= self._every_s:
                    looked_s = time.monotonic()
                    woken |= await self._jobs.read(errands_that_wait)
                await self.send(woken)
            except DatabaseProblem as error:
                _log.warning("work not told of", extra={"code": error.code})
                self._woken |= woken
            await asyncio.sleep(_TOGETHER_S)

    async def send(self, errands: Collection[Errand]) -> None:
        """Has as many messages wait as there are steps."""
        if not errands or not self._messenger.is_ready:
            return  # whoever is ready again begins with a look at everything: the chief
        wanted = await self._jobs.read(lambda connection: steps_that_wait(connection, errands))
        if (
            found := await self._messenger.top_up({one: count for one, count in wanted.items() if count})
        ) is None:
            return
        self.depths.update(found)
