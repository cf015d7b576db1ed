"""Hands leases to workers: as many at once as there are places, in the order that the store says.

A worker's place is asked for at the gate, behind interactive requests, before anything is leased: no lease
waits for a worker.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.gate import Gate
from steadfast.errors import (
    DatabaseProblem,
    LeaseRefused,
    Overloaded,
    PinLost,
    RateLimited,
    ServiceError,
    ServingProblem,
    SteadfastError,
)
from steadfast.jobs import failing, leasing, queries
from steadfast.jobs.attempts import Ending
from steadfast.jobs.calls import CallOutcome, Company, in_order, lanes_of
from steadfast.jobs.carrier import Carrier
from steadfast.jobs.faults import judge
from steadfast.jobs.flight import Flight
from steadfast.jobs.job import AttemptOutcome, Fault
from steadfast.jobs.lease import Lease
from steadfast.jobs.transaction import JobDatabase, Transaction

_log = logging.getLogger(__name__)

_A_DAY_S = 86_400.0
_LONGEST_PAUSE_S = 10.0
_LOOK_AGAIN_S = (0.005, 0.02, 0.05)


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerOptions:
    """How leases are given out."""

    tasks: tuple[str, ...]
    """Tasks whose steps are done here."""
    lease_s: float = 60.0
    """How long a lease holds without progress."""
    open_jobs: int = 4
    """Jobs of one key and priority that share its turns."""
    most_failures: int = 3
    """Attempts booked on a step after which there is no other."""
    most_places: int = 0
    """Workers that jobs may hold at one time; 0: all."""
    poll_s: float = 0.5
    """How often to look for work that nobody has told of (another node's, one that became free)."""


class Scheduler:
    """One per server process; lives on its event loop."""

    def __init__(
        self,
        jobs: JobDatabase,
        carrier: Carrier,
        gate: Gate,
        places: Callable[[str], int],
        options: SchedulerOptions,
        *,
        company: Company | None = None,
    ) -> None:
        """`places`: how many steps of a task could be worked on at once now."""
        self.company = company or Company()
        self._turn = 0
        self._jobs = jobs
        self._carrier = carrier
        self.gate = gate
        """Where places are asked for."""
        self._places = places
        self._options = options
        self._flights: dict[tuple[str, int, str, int], Flight] = {}
        self._asking: Counter[str] = Counter()
        """Tasks: how many are on their way to a lease."""
        self.units_done: Counter[str] = Counter()
        """By job, since it was first seen here."""
        self._tasks: set[asyncio.Task[CallOutcome]] = set()
        self._news = asyncio.Event()
        self._stopping = False
        self._pause_s = 0.0
        self._paused_until_s = 0.0

    @property
    def flights(self) -> tuple[Flight, ...]:
        """What is being done here now."""
        return tuple(self._flights.values())

    @property
    def tasks(self) -> tuple[str, ...]:
        """Whose steps are done here."""
        return self._options.tasks

    @property
    def places(self) -> int:
        """How many steps could be worked on at one time now."""
        return sum(self._places(task) for task in self._options.tasks)

    def work_with(self, carrier: Carrier, places: Callable[[str], int]) -> None:
        """Has another carrier do what is begun from now on; `places` as at the beginning."""
        self._carrier, self._places = carrier, places

    def nudge(self) -> None:
        """There may be something to do."""
        self._news.set()

    def interrupt(self, job_id: str) -> None:
        """Stops what runs of a job whose leases were taken back."""
        for flight in self.flights:
            if flight.lease.job_id == job_id:
                flight.revoke()

    async def run(self) -> None:
        """Gives out leases until `stop`."""
        while not self._stopping:
            self._news.clear()
            if not self.company.is_called():
                for task, lanes in (await self._tasks_with_work()).items():
                    self._begin(task, lanes)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._options.poll_s)

    async def look(self) -> bool:
        """Begins whatever there is to be done, though nobody called; whether there was anything."""
        found = await self._tasks_with_work()
        for task, lanes in found.items():
            self._begin(task, lanes)
        return bool(found)

    async def hand_back(self, grace_s: float) -> None:
        """Lets what runs end in time and gives the rest back; what is begun meanwhile, `company` decides."""
        flying = [flight.task for flight in self.flights]
        if flying:
            await asyncio.wait(flying, timeout=grace_s)
        left = [task for task in flying if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=grace_s + 5.0)

    async def stop(self, grace_s: float) -> None:
        """Begins nothing more, lets what runs end in time, and gives the rest back."""
        self._stopping = True
        self._news.set()
        waiting = {task for task in self._tasks if not any(f.task is task for f in self.flights)}
        for task in waiting:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s + 5.0)

    # --- beginning -----------------------------------------------------------------------------------

    async def call(self, *, wait_s: float, go_on_s: float = 0.0) -> CallOutcome:
        """Takes the step whose turn it is among those that can be done here, and carries it out.

        `wait_s`: how long it may wait for a worker that answers requests; `go_on_s`: for which the place goes
        on with what is next, so that short steps don't wait for a call each. Answers when it is over.
        """
        until_s = time.monotonic() + go_on_s
        outcome = await self._called(wait_s)
        if outcome is CallOutcome.WORKED:
            while time.monotonic() < until_s and await self._called(wait_s) is CallOutcome.WORKED:
                pass
        return outcome

    async def _called(self, wait_s: float) -> CallOutcome:
        if self._stopping or self.company.takes_nothing or time.monotonic() < self._paused_until_s:
            return CallOutcome.BUSY
        waiting = await self._lanes_that_wait()
        able = [task for task in self._options.tasks if lanes_of(task, waiting, self.company.serves)]
        if not able:
            return CallOutcome.NOTHING
        by_task = {task: lanes_of(task, waiting, self.company.serves) for task in able if self._free(task)}
        if not by_task:
            return CallOutcome.BUSY
        task = max(by_task, key=lambda one: max(by_task[one].values()))
        self._turn += 1
        return await self._start(task, in_order(by_task[task], self._turn), wait_s)

    async def _tasks_with_work(self) -> dict[str, list[str]]:
        """Those that have a free place and, as far as a look can tell, a step for it; and its lanes."""
        free = [task for task in self._options.tasks if self._free(task)]
        if not free or self.company.takes_nothing or time.monotonic() < self._paused_until_s:
            return {}
        waiting = await self._lanes_that_wait()
        self._turn += 1
        lanes = {task: in_order(lanes_of(task, waiting, self.company.serves), self._turn) for task in free}
        return {task: found for task, found in lanes.items() if found}

    async def _lanes_that_wait(self) -> dict[str, int]:
        try:
            return await self._jobs.read(queries.lanes_that_wait)
        except DatabaseProblem as error:
            self._pause(error)
            return {}

    def _begin(self, task: str, lanes: list[str]) -> None:
        for _ in range(self._free(task)):
            self._start(task, lanes)

    def _start(self, task: str, lanes: list[str], wait_s: float = _A_DAY_S) -> "asyncio.Task[CallOutcome]":
        self._asking[task] += 1
        asking = asyncio.get_running_loop().create_task(self._take_one(task, lanes, wait_s))
        self._tasks.add(asking)
        asking.add_done_callback(self._tasks.discard)
        return asking

    def _free(self, task: str) -> int:
        """Places of a task that neither are at work for us nor have somebody on the way to them."""
        places = self._places(task)
        most = min(places, self._options.most_places) if self._options.most_places else places
        busy = sum(flight.lease.task == task for flight in self.flights)
        return max(0, most - busy - self._asking[task])

    async def _take_one(self, task: str, lanes: list[str], wait_s: float) -> CallOutcome:
        """Waits for a place, takes a lease and carries it out."""
        is_asking = True
        outcome = CallOutcome.BUSY
        arrival = Arrival(
            task=task,
            address="jobs",
            priority=Priority.BATCH,
            deadline_s=wait_s,
            features={"operation": "step"},
        )
        try:
            async with self.gate.admit(arrival, knocked=True) as permit:
                lease = await self._lease(lanes)
                self._asking[task] -= 1
                is_asking = False
                outcome = CallOutcome.NOTHING if lease is None else CallOutcome.WORKED
                if lease is not None:
                    began_s = time.monotonic()
                    await self._fly(lease)
                    permit.finished({}, worked_s=time.monotonic() - began_s)
        except Overloaded as error:
            if wait_s >= _A_DAY_S:
                self._pause(error)
        except (RateLimited, ServingProblem, DatabaseProblem) as error:
            self._pause(error)
        finally:
            self._asking[task] -= is_asking
        return outcome

    async def _lease(self, lanes: list[str]) -> Lease | None:
        options, refused = self._options, self.company.refused_now()

        def take(transaction: Transaction) -> Lease | None:
            for lane in lanes:
                lease = leasing.take(
                    transaction, lane, lease_s=options.lease_s, open_jobs=options.open_jobs, refused=refused
                )
                if lease is not None:
                    return lease
            return None

        lease = await self._take_whole(take)
        for pause_s in _LOOK_AGAIN_S:
            if lease is not None or not set(lanes) & set(await self._jobs.read(queries.lanes_that_wait)):
                break
            # Another server was changing the job whose turn it was: it is done with that in a moment.
            await asyncio.sleep(pause_s)
            lease = await self._take_whole(take)
        if lease is not None and self._stopping:
            await self._give_back(lease, "shutting_down")
            return None
        return lease

    async def _take_whole(self, take: Callable[[Transaction], Lease | None]) -> Lease | None:
        """Takes a lease; cancelled meanwhile, gives back what it got: none is held without being known."""
        taking = asyncio.ensure_future(self._jobs.write(take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            if (lease := await taking) is not None:
                await self._give_back(lease, "shutting_down")
            raise

    # --- in flight -----------------------------------------------------------------------------------

    async def _fly(self, lease: Lease) -> None:
        task = asyncio.current_task()
        assert task is not None
        flight = Flight(lease=lease, task=task, began_s=time.monotonic(), tally=self.units_done)
        self._flights[_name(lease)] = flight
        try:
            await self._carrier.carry(flight)
            self._pause_s = 0.0
        except asyncio.CancelledError:
            if flight.is_revoked:
                task.uncancel()
            else:
                await asyncio.shield(self._give_back(lease, "shutting_down"))
                raise
        except LeaseRefused:
            _log.info("late result dropped", extra={"job_id": lease.job_id})
        except PinLost as error:
            await self._lost_pin(lease, error.detail)
        except SteadfastError as error:
            await self._failed(flight, error)
        except Exception as error:  # noqa: BLE001 — a fault of ours must end as a fact, not as a lease that hangs
            _log.exception("step failed unexpectedly", extra={"job_id": lease.job_id})
            await self._failed(flight, ServiceError(f"An unexpected error ended the step ({error!r})."))
        finally:
            del self._flights[_name(lease)]
            self.nudge()

    async def _lost_pin(self, lease: Lease, why: str) -> None:
        if await self._has_others(lease):
            self.company.refuse(lease.job_id)
            await self._carrier.commit(lambda t: failing.leave_to_others(t, lease))
        else:
            await self._carrier.commit(lambda t: failing.pin_lost(t, lease, why))

    async def _has_others(self, lease: Lease) -> bool:
        try:
            return await self.company.has_others(lease)
        except DatabaseProblem:
            return True  # the job is left alone for a while, and then looked at again

    async def _failed(self, flight: Flight, error: SteadfastError) -> None:
        lease, judgement = flight.lease, judge(error)
        if judgement.pause_s:
            self._pause(error)
        took_s = time.monotonic() - flight.began_s
        await self._carrier.commit(
            lambda t: failing.step_failed(
                t,
                lease,
                error,
                fault=judgement.fault,
                is_final=judgement.is_final,
                most_failures=self._options.most_failures,
                worked_s=took_s if judgement.fault is Fault.STEP else 0.0,
                held=judgement.held,
            )
        )

    async def _give_back(self, lease: Lease, code: str) -> None:
        ending = Ending(outcome=AttemptOutcome.GIVEN_BACK, code=code)
        try:
            await self._jobs.write(lambda t: leasing.give_back(t, lease, ending))
        except DatabaseProblem as error:  # the next start drops it
            _log.warning("lease not given back", extra={"job_id": lease.job_id, "detail": error.detail})

    def _pause(self, error: SteadfastError) -> None:
        """Begins nothing for a while: what failed for want of workers, disk or database would fail again."""
        self._pause_s = min(_LONGEST_PAUSE_S, max(self._options.poll_s, 2.0 * self._pause_s))
        self._paused_until_s = time.monotonic() + self._pause_s
        _log.warning("jobs pause", extra={"code": error.code, "detail": error.detail})


def _name(lease: Lease) -> tuple[str, int, str, int]:
    key = lease.key
    return key.job_id, key.item, key.kind.value, key.number
