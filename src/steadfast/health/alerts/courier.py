"""Takes incidents to their receivers: routed, grouped, queued in the database, sent in a thread."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from steadfast.errors import SteadfastError
from steadfast.events import publish
from steadfast.health.alerts.delivery import Channel, DeliveryFailed
from steadfast.health.alerts.outbox import Letter, Outbox
from steadfast.health.alerts.routes import Grouping
from steadfast.health.events import AlertDelivered, AlertNotDelivered
from steadfast.health.incidents import IncidentChange

_log = logging.getLogger(__name__)

Aside = Callable[..., Awaitable[Any]]
"""Calls a blocking function in a thread: `Database.run`."""


class Courier:
    """Lives on the event loop; whatever blocks happens in threads, so nobody ever waits for an alert."""

    def __init__(
        self,
        *,
        channels: Mapping[str, Channel],
        groupings: Sequence[Grouping],
        outbox: Outbox,
        aside: Aside,
        every_s: float = 1.0,
    ) -> None:
        self._channels = channels
        self._groupings = [one for one in groupings if one.route.channel in channels]
        self._outbox = outbox
        self._aside = aside
        self._every_s = every_s
        # Of its own: a receiver that is slow must not take a thread from those who wait for the database.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        self._may_have_mail = bool(channels)  # what a server before this one has left

    def add(self, change: IncidentChange) -> None:
        """One change of an incident, to whomever it concerns."""
        for grouping in self._groupings:
            grouping.add(change)

    async def work_forever(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                await self.work()
                await asyncio.sleep(self._every_s)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def work(self) -> None:
        """One round. A database that fails costs this round, not the alert."""
        try:
            await self._queue()
            if self._may_have_mail:
                await self._deliver()
        except SteadfastError as error:
            _log.warning("alerts not handled", extra={"code": error.code})

    async def _queue(self) -> None:
        for grouping in self._groupings:
            notice = grouping.release()
            if notice is not None:
                self._may_have_mail = True
                await self._aside(self._outbox.put, grouping.route.channel, notice)

    async def _deliver(self) -> None:
        for letter in await self._aside(self._outbox.due):
            await self._send(letter)
        self._may_have_mail = bool(await self._aside(self._outbox.waiting))

    async def _send(self, letter: Letter) -> None:
        channel = self._channels.get(letter.channel)
        if channel is None:  # it was switched off since
            await self._aside(self._outbox.delivered, letter)
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, channel, letter.notice)
        except DeliveryFailed as failure:
            await self._note_failure(letter, failure)
        else:
            publish(AlertDelivered(channel=letter.channel, attempts=letter.attempts + 1))
            await self._aside(self._outbox.delivered, letter)

    async def _note_failure(self, letter: Letter, failure: DeliveryFailed) -> None:
        if failure.is_final:
            await self._aside(self._outbox.delivered, letter)
            is_kept = False
        else:
            is_kept = bool(await self._aside(self._outbox.failed, letter))
        publish(AlertNotDelivered(channel=letter.channel, attempts=letter.attempts + 1, is_kept=is_kept))
