"""Makes the calls that jobs have asked for: beside them, a few at a time, one at a time to each receiver."""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from steadfast.errors import SteadfastError
from steadfast.events import publish
from steadfast.jobs import callback_queue
from steadfast.jobs.callback_post import CallOutcome, CallPost
from steadfast.jobs.callback_queue import Call, CallState, pause_after
from steadfast.jobs.events import CallbackTried
from steadfast.jobs.history import note
from steadfast.jobs.transaction import JobDatabase, Transaction

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_CLAIM = timedelta(minutes=2)
"""For which a call that is being made is nobody else's; after a death it is made again then."""
_MOST_DUE = 100
_JITTER = 0.2


def _now() -> datetime:
    return datetime.now(UTC)


class WebhookCourier:
    """Lives on the event loop. A slow receiver, or a database that fails, costs nobody but the call."""

    def __init__(
        self,
        jobs: JobDatabase,
        post: CallPost,
        *,
        at_once: int = 4,
        give_up_after: timedelta = timedelta(days=1),
        now: Callable[[], datetime] = _now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`at_once`: calls that run at one time; `chance`: 0 to 1, so that pauses do not march in step."""
        self._jobs = jobs
        self._post = post
        self._at_once = at_once
        self._give_up_after = give_up_after
        self._now = now
        self._chance = chance
        self._running: dict[str, asyncio.Task[None]] = {}
        """By receiver."""

    async def work_forever(self) -> None:
        """Until it is cancelled; what runs then is made again after the next start."""
        try:
            while True:
                await self.work()
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            for task in self._running.values():
                task.cancel()

    async def work(self) -> None:
        """Begins what is due, as far as there is room for it."""
        try:
            if len(self._running) < self._at_once:
                await self._begin_due()
        except SteadfastError as error:
            _log.warning("webhooks not handled", extra={"code": error.code})

    async def settle(self) -> None:
        """Waits for the calls that run."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin_due(self) -> None:
        now = self._now()
        for call in await self._jobs.read(lambda c: callback_queue.due_calls(c, now, limit=_MOST_DUE)):
            if len(self._running) >= self._at_once:
                return
            if _receiver_of(call.url) not in self._running and await self._claim(call, now):
                self._begin(call)

    async def _claim(self, call: Call, now: datetime) -> bool:
        return await self._jobs.write(
            lambda transaction: callback_queue.claim(transaction.connection, call, now + _CLAIM)
        )

    def _begin(self, call: Call) -> None:
        receiver = _receiver_of(call.url)
        task = asyncio.create_task(self._make(call))
        self._running[receiver] = task
        task.add_done_callback(lambda _: self._running.pop(receiver, None))

    async def _make(self, call: Call) -> None:
        try:
            outcome = await self._post(call)
            state = await self._jobs.write(lambda t: self._record(t, call, outcome))
        except SteadfastError as error:  # it is claimed for a while, then tried again
            _log.warning("webhook not recorded", extra={"code": error.code})
            return
        publish(
            CallbackTried(
                job_id=call.job_id,
                owner=call.owner,
                task=call.task,
                attempt=call.attempts + 1,
                outcome=state.value,
            )
        )

    def _record(self, transaction: Transaction, call: Call, outcome: CallOutcome) -> CallState:
        """Writes down what became of it; also among the job's events: the first failure, and the end."""
        now, state = self._now(), self._state_after(call, outcome)
        if state is CallState.WAITING:
            spread = 1.0 + _JITTER * (2.0 * self._chance() - 1.0)
            due_at = now + pause_after(call.attempts) * spread
            callback_queue.postpone(transaction.connection, call, detail=outcome.detail, due_at=due_at)
        else:
            callback_queue.end_call(transaction.connection, call, state, detail=outcome.detail, at=now)
        if state is not CallState.WAITING or call.attempts == 0:
            data = {
                "event": call.event,
                "outcome": "retrying" if state is CallState.WAITING else state.value,
                "attempts": call.attempts + 1,
                "detail": outcome.detail,
            }
            note(transaction, call.job_id, "callback", data)
        return state

    def _state_after(self, call: Call, outcome: CallOutcome) -> CallState:
        if outcome.is_taken:
            return CallState.DELIVERED
        if outcome.is_final:
            return CallState.REFUSED
        has_lasted = self._now() - call.queued_at
        return CallState.GIVEN_UP if has_lasted > self._give_up_after else CallState.WAITING


def _receiver_of(url: str) -> str:
    return urlsplit(url).netloc.lower()
