"""How true the predicted waits are, and what overload costs: the real gate on virtual time.

    python -m benchmarks.admission_prediction [--minutes 10] [--seeds 3]

Columns: the median absolute error of the predicted wait, as a part of the true one, beside two rules from the
literature (Ibrahim and Whitt, "Real-time delay estimation in overloaded multiserver queues", 2009): the
length of the line times the mean time of service, which is given to that rule for nothing, and the wait of
the last one that was let in. Then: the error of the predicted times of service, the part of the workers' time
that went into answers that were in time, and the part of those let in that were too late after all.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median

from tests.overload import TASK, Promise, Service, Tally, Traffic, a_job
from tests.virtual_time import run_in_virtual_time

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.gate import Gate
from steadfast.errors import Overloaded

MIXED = {Priority.INTERACTIVE: 0.5, Priority.STANDARD: 0.3, Priority.BATCH: 0.2}
TRAFFIC = {
    "1.5 x, one client": Traffic(load=1.5, seconds=0.0, clients=1),
    "2 x, one client": Traffic(load=2.0, seconds=0.0, clients=1),
    "2 x, 30 clients": Traffic(load=2.0, seconds=0.0, clients=30),
    "2 x, all priorities": Traffic(load=2.0, seconds=0.0, shares=MIXED),
    "5 x, deadlines of 5 s": Traffic(load=5.0, seconds=0.0, deadline_s=5.0),
    "10 x, one client": Traffic(load=10.0, seconds=0.0, clients=1),
    "10 x, all priorities": Traffic(load=10.0, seconds=0.0, shares=MIXED),
}
_SETTLED_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    errors: tuple[float, float, float]
    service_error: float
    goodput: float
    late: float

    def __str__(self) -> str:
        figures = "".join(f"{100 * value:>9.0f} %" for value in (*self.errors, self.service_error))
        return f"{figures}{100 * self.goodput:>9.0f} %{100 * self.late:>9.1f} %"


def error_of(promised: list[Promise], rule: Callable[[Promise], float]) -> float:
    """Median absolute error of a rule, as a part of the true wait, where there was one to speak of."""
    return median(abs(rule(p) - p.waited_s) / p.waited_s for p in promised if p.waited_s > 0.05)


def row_of(runs: list[tuple[Tally, Service]]) -> Row:
    """Several runs of one traffic, as one line."""
    promised = [promise for tally, _ in runs for promise in tally.promised[len(tally.promised) // 5 :]]
    errors = (
        error_of(promised, lambda p: p.predicted_s),
        error_of(promised, lambda p: p.by_length_s),
        error_of(promised, lambda p: p.by_last_s),
    )
    lanes = [service.gate.snapshot().lane(TASK) for _, service in runs]
    return Row(
        errors=errors,
        service_error=median(lane.service_error or 0.0 for lane in lanes),
        goodput=median(tally.useful_s / service.workers / tally.seconds for tally, service in runs),
        late=median(tally.late / max(1, tally.served) for tally, _ in runs),
    )


def simulate(traffic: Traffic, seeds: int) -> Row:
    """The same traffic with several dice."""

    async def once(seed: int) -> tuple[Tally, Service]:
        service = Service(workers=2, seed=seed)
        return await service.offer(traffic), service

    return row_of([run_in_virtual_time(once(seed)) for seed in range(1, seeds + 1)])


async def crowded(gate: Gate, waiting: int) -> list[asyncio.Task[None]]:
    """Fills a gate with requests of as many clients, a third of each priority."""

    async def wait(number: int) -> None:
        priority = list(Priority)[number % 3]
        arrival = Arrival(task=TASK, key=f"client {number}", priority=priority, deadline_s=1e6)
        async with gate.admit(arrival):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(wait(number)) for number in range(waiting + 1)]
    await asyncio.sleep(0)
    return tasks


def arrivals(count: int) -> Iterator[Arrival]:
    """New clients with requests of all sizes that are in a hurry."""
    dice = random.Random(5)
    for number in range(count):
        job = a_job(dice)
        yield Arrival(task=TASK, key=f"new {number}", deadline_s=0.001, features=job.features)


async def cost_of_refusal(count: int = 2000) -> tuple[float, float]:
    """Median and 99th percentile of the microseconds to refuse, with 256 waiting."""
    gate = Gate()
    tasks = await crowded(gate, 256)
    took_us = []
    for arrival in arrivals(count):
        began = time.perf_counter()
        try:
            async with gate.admit(arrival):
                raise AssertionError("it should have been refused")
        except Overloaded:
            took_us.append((time.perf_counter() - began) * 1e6)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    took_us.sort()
    return took_us[count // 2], took_us[count * 99 // 100]


async def cost_of_admission(count: int = 5000) -> float:
    """Microseconds of CPU for a request that need not wait, from arrival to leaving."""
    gate = Gate()
    dice = random.Random(6)
    jobs = [a_job(dice) for _ in range(100)]
    began = time.process_time()
    for number in range(count):
        job = jobs[number % 100]
        async with gate.admit(Arrival(task=TASK, key="k", features=job.features)) as permit:
            permit.finished(job.cost, worked_s=job.service_s)
    return (time.process_time() - began) / count * 1e6


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of virtual time for each run")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    heads = ("wait", "length", "last", "service", "goodput", "late")
    print(f"{'traffic':<24}" + "".join(f"{head:>11}" for head in heads))
    for name, traffic in TRAFFIC.items():
        row = simulate(replace(traffic, seconds=options.minutes * 60), options.seeds)
        print(f"{name:<24}{row}")
    median_us, slowest_us = asyncio.run(cost_of_refusal())
    print(f"refusal with 256 waiting: median {median_us:.0f} µs, 99th percentile {slowest_us:.0f} µs")
    print(f"admission without a wait: {asyncio.run(cost_of_admission()):.0f} µs of CPU")


if __name__ == "__main__":
    main()
