"""A made-up service under made-up traffic, on virtual time: what the gate is tried against.

Service times are as nasty as real ones: they depend on pixels and on faces that nobody knows before, vary
by a third on top, and one in a hundred takes eight times as long.
"""

import asyncio
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.gate import Gate
from steadfast.errors import Overloaded

TASK = "swap"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One request and what only the worker finds out."""

    features: Mapping[str, float | str]
    cost: Mapping[str, float]
    service_s: float


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Who sends what, how often."""

    load: float
    """Times the capacity."""
    seconds: float
    deadline_s: float = 30.0
    shares: Mapping[Priority, float] = field(default_factory=lambda: {Priority.INTERACTIVE: 1.0})
    clients: int = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """What a request was told when it came, what it came to, and what simpler rules would have told it."""

    predicted_s: float
    waited_s: float
    by_length_s: float
    """Those who waited times the true mean time of service, over the workers."""
    by_last_s: float
    """The wait of the last one that was let in before."""

    @property
    def error(self) -> float:
        """As a part of the true wait."""
        return abs(self.predicted_s - self.waited_s) / self.waited_s


@dataclass(kw_only=True)
class Tally:
    """What came of it."""

    offered: int = 0
    served: int = 0
    late: int = 0
    useful_s: float = 0.0
    """Work on requests that were answered in time."""
    refused: Counter[str] = field(default_factory=Counter)
    promised: list[Promise] = field(default_factory=list)
    """To those who were let in."""
    served_by: Counter[tuple[Priority, str]] = field(default_factory=Counter)
    latencies_s: defaultdict[Priority, list[float]] = field(default_factory=lambda: defaultdict(list))
    most_waiting: int = 0
    seconds: float = 0.0
    """From the first arrival to the last answer."""


def a_job(dice: random.Random) -> Job:
    """A picture of 0.1 to 50 megapixels with some faces; about 0.3 s of work."""
    pixels = min(max(math.exp(dice.gauss(math.log(2e6), 1.0)), 1e5), 5e7)
    bytes_ = pixels * 0.25 * math.exp(dice.gauss(0.0, 0.4))
    faces = 1 + min(int(dice.expovariate(0.8)), 12)
    service_s = (0.03 + 0.05 * (pixels / 1e6) ** 0.9 + 0.06 * faces) * math.exp(dice.gauss(0.0, 0.33))
    if dice.random() < 0.01:
        service_s *= 8.0
    return Job(
        features={"bytes": bytes_, "pixels": pixels, "engine": "standard"},
        cost={"pixels": pixels, "faces": float(faces)},
        service_s=service_s,
    )


@cache
def mean_service_s(make: Callable[[random.Random], Job] = a_job) -> float:
    """What a job takes on average."""
    dice = random.Random(99)
    return sum(make(dice).service_s for _ in range(5000)) / 5000


class Service:
    """Some workers behind a gate."""

    def __init__(
        self,
        *,
        workers: int = 2,
        seed: int = 1,
        make: Callable[[random.Random], Job] = a_job,
        handover_s: float = 0.0005,
        gate: Gate | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.gate = gate or Gate(clock=loop.time)
        self.gate.staff(TASK, workers)
        self.workers = workers
        self.make = make
        self.dice = random.Random(seed)
        self.mean_s = mean_service_s(make)
        self._free = asyncio.Semaphore(workers)
        self._handover_s = handover_s
        self._last_wait_s = 0.0
        self._running: set[asyncio.Task[None]] = set()

    async def offer(self, traffic: Traffic) -> Tally:
        """Sends requests at random moments for a while and waits for the last answer."""
        loop = asyncio.get_running_loop()
        tally = Tally()
        began_s = loop.time()
        until_s = began_s + traffic.seconds
        gap_s = self.mean_s / self.workers / traffic.load
        while loop.time() < until_s:
            await asyncio.sleep(self.dice.expovariate(1.0 / gap_s))
            task = loop.create_task(self._request(traffic, tally))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        await asyncio.gather(*self._running)
        tally.seconds = loop.time() - began_s
        return tally

    async def _request(self, traffic: Traffic, tally: Tally) -> None:
        loop = asyncio.get_running_loop()
        job = self.make(self.dice)
        priority = self.dice.choices(list(traffic.shares), list(traffic.shares.values()))[0]
        client = f"client-{self.dice.randrange(traffic.clients)}"
        arrival = Arrival(
            task=TASK, key=client, priority=priority, deadline_s=traffic.deadline_s, features=job.features
        )
        tally.offered += 1
        by_length_s = (self.gate.waiting(TASK) + 1) * self.mean_s / self.workers
        by_last_s = self._last_wait_s
        began_s = loop.time()
        try:
            async with self.gate.admit(arrival) as permit:
                self._last_wait_s = loop.time() - began_s
                tally.promised.append(
                    Promise(
                        predicted_s=permit.predicted_wait_s,
                        waited_s=self._last_wait_s,
                        by_length_s=by_length_s,
                        by_last_s=by_last_s,
                    )
                )
                await self._serve(job)
                permit.finished(job.cost, worked_s=job.service_s)
        except Overloaded as error:
            tally.refused[error.code] += 1
            return
        finally:
            tally.most_waiting = max(tally.most_waiting, self.gate.waiting(TASK))
        took_s = loop.time() - began_s
        tally.latencies_s[priority].append(took_s)
        if took_s <= traffic.deadline_s:
            tally.served += 1
            tally.served_by[priority, client] += 1
            tally.useful_s += job.service_s
        else:
            tally.late += 1

    async def _serve(self, job: Job) -> None:
        async with self._free:
            await asyncio.sleep(self._handover_s + job.service_s)
