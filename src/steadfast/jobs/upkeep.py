"""What must happen again and again so that no lease dies by neglect and none lives on without its owner."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from steadfast.errors import SteadfastError
from steadfast.events import publish
from steadfast.jobs import control, leasing, queries
from steadfast.jobs.events import IntakePaused
from steadfast.jobs.failing import PIN_LOST
from steadfast.jobs.faults import DISK_FULL
from steadfast.jobs.headroom import IntakeGuard
from steadfast.jobs.scheduler import Scheduler
from steadfast.jobs.transaction import JobDatabase

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """How often each chore is due, in seconds."""

    look_s: float = 0.5
    """For room on the disk."""
    taken_back_s: float = 1.0
    """For leases that were taken back elsewhere: of a job that another server cancelled, its worker stops."""
    renew_s: float = 5.0
    expire_s: float = 2.0
    """For leases and jobs whose time is over."""
    release_s: float = 5.0
    """For jobs that are held: they try again."""
    wake_s: float = 60.0
    """For flows that sleep by fault."""


class Upkeep:
    """Runs beside the scheduler; a chore that fails is tried again at its next turn."""

    def __init__(
        self,
        jobs: JobDatabase,
        scheduler: Scheduler,
        guard: IntakeGuard,
        *,
        lease_s: float,
        rhythm: Rhythm | None = None,
        is_chief: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_chief`: whether what one server does for all is done here."""
        self._is_chief = is_chief
        self._jobs = jobs
        self._scheduler = scheduler
        self._guard = guard
        self._lease_s = lease_s
        usual = rhythm or Rhythm()
        self._rhythm = replace(usual, renew_s=min(usual.renew_s, lease_s / 4))
        self._done_s: dict[str, float] = {}

    async def begin(self) -> int:
        """What a start does first: leases of dead incarnations are free at once; how many there were."""
        dropped = await self._jobs.write(lambda t: leasing.drop_dead(t, t.here))
        await self._jobs.write(control.wake_all)
        return dropped

    async def run(self) -> None:
        """Does every chore in its rhythm, for ever."""
        watching = asyncio.create_task(self._watch_disks())
        try:
            while True:
                try:
                    await self._look_once()
                except SteadfastError as error:
                    _log.warning("upkeep of jobs failed", extra={"code": error.code, "detail": error.detail})
                await asyncio.sleep(self._rhythm.look_s)
        finally:
            watching.cancel()

    async def _look_once(self) -> None:
        # Renewed first: what came on is never dropped because the database was away for a while.
        if self._is_due("renew", self._rhythm.renew_s):
            await self.renew()
        if self._scheduler.flights and self._is_due("taken_back", self._rhythm.taken_back_s):
            await self._stop_what_was_taken_back()
        if not self._is_chief():
            return
        if self._is_due("expire", self._rhythm.expire_s):
            await self._end_what_is_over()
        if self._is_due("release", self._rhythm.release_s):
            await self._release_held()
        if self._is_due("wake", self._rhythm.wake_s):
            await self._jobs.write(control.wake_all)

    async def renew(self) -> None:
        """Prolongs the leases of steps that came on since the last time."""
        moving = [flight for flight in self._scheduler.flights if flight.came_on or flight.is_ours]
        if not moving:
            return
        held = [(flight.lease, flight.units_done) for flight in moving]
        for flight in moving:
            flight.came_on = False
        lost = await self._jobs.write(lambda t: leasing.renew(t, held, lease_s=self._lease_s))
        for flight in moving:
            if flight.lease in lost and not flight.is_ours:
                flight.revoke()

    async def _stop_what_was_taken_back(self) -> None:
        """Cancelled on another node, expired, or failed with a sister: our worker need not go on."""
        flights = [flight for flight in self._scheduler.flights if not flight.is_ours]
        if not flights:
            return
        here = str(self._jobs.here)
        known = await self._jobs.read(lambda connection: queries.leases_of(connection, here))
        for flight in flights:
            key = flight.lease.key
            if (key.job_id, key.item, key.kind.value, key.number, flight.lease.token) not in known:
                flight.revoke()

    async def _end_what_is_over(self) -> None:
        clock = self._jobs.clock
        if await self._jobs.read(lambda c: queries.is_anything_over(c, clock.now_s(c), clock.moment)):
            await self._jobs.write(leasing.drop_expired)
            await self._jobs.write(control.expire)
            self._scheduler.nudge()

    async def _release_held(self) -> None:
        held = await self._jobs.read(queries.reasons_held)
        is_full = await asyncio.to_thread(self._guard.is_full)
        reasons = [PIN_LOST] if is_full else [PIN_LOST, DISK_FULL]
        for reason in reasons:
            if any(why.startswith(reason) for why in held):
                await self._jobs.write(partial(control.release_held, reason=reason))
                self._scheduler.nudge()

    async def _watch_disks(self) -> None:
        """Beside the chores: while a disk hangs, leases are renewed all the same."""
        while True:
            try:
                if await asyncio.to_thread(self._guard.look):
                    publish(IntakePaused(why=self._guard.why))
            except OSError as error:
                _log.warning("the disks of jobs cannot be looked at", extra={"detail": str(error)})
            await asyncio.sleep(self._rhythm.look_s)

    def _is_due(self, chore: str, every_s: float) -> bool:
        now_s = time.monotonic()
        if now_s - self._done_s.get(chore, 0.0) < every_s:
            return False
        self._done_s[chore] = now_s
        return True
