"""One request per worker, unless more keeps workers busier; what it does beyond is measured, not set."""

import asyncio
from random import Random

import pytest
from tests.virtual_time import run_in_virtual_time

from steadfast.admission.arrival import Arrival
from steadfast.admission.concurrency import ConcurrencyLimit
from steadfast.admission.gate import Gate


async def served_part(*, service_s: float, way_s: float, workers: int, seconds: float) -> tuple[float, int]:
    """What part of the workers' time was used by 64 busy clients, and the limit at the end."""
    loop = asyncio.get_running_loop()
    gate, free, dice = Gate(clock=loop.time), asyncio.Semaphore(workers), Random(1)
    gate.staff("echo", workers)
    worked_s = 0.0

    async def client() -> None:
        nonlocal worked_s
        while loop.time() < seconds:
            work_s = service_s * dice.uniform(0.5, 1.5)
            async with gate.admit(Arrival(task="echo", deadline_s=1e6)) as permit:
                await asyncio.sleep(way_s / 2)
                async with free:
                    await asyncio.sleep(work_s)
                await asyncio.sleep(way_s / 2)
                permit.finished(worked_s=work_s)
            worked_s += work_s

    await asyncio.gather(*(client() for _ in range(64)))
    return worked_s / workers / loop.time(), gate.snapshot().lane("echo").limit


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_quick_workers_are_kept_busy_although_the_way_to_them_is_longer_than_the_work(workers: int) -> None:
    part, limit = run_in_virtual_time(
        served_part(service_s=0.0003, way_s=0.0005, workers=workers, seconds=0.8 / workers)
    )
    assert part > 0.9
    assert 2 * workers < limit <= 4 * workers


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_slow_workers_fetch_each_request_from_the_line(workers: int) -> None:
    part, limit = run_in_virtual_time(served_part(service_s=0.3, way_s=0.0005, workers=workers, seconds=60.0))
    assert part > 0.95
    assert limit == workers


def test_it_is_never_below_the_workers_nor_far_above_them() -> None:
    limit = ConcurrencyLimit(workers=4)
    for _ in range(1000):
        limit.observe(inside_s=0.001, worked_s=0.0001, limit_was_used=True)
    assert limit.limit == 16
    for _ in range(1000):
        limit.observe(inside_s=5.0, worked_s=0.0001, limit_was_used=False)
    assert limit.limit == 4


def test_it_does_not_grow_while_it_is_not_used() -> None:
    limit = ConcurrencyLimit(workers=2)
    for _ in range(1000):
        limit.observe(inside_s=0.001, worked_s=0.0001, limit_was_used=False)
    assert limit.limit == 2


def test_it_follows_the_number_of_workers_at_once() -> None:
    limit = ConcurrencyLimit(workers=2)
    limit.staff(6)
    assert (limit.limit, limit.workers) == (6, 6)
    limit.staff(3)
    assert (limit.limit, limit.workers) == (3, 3)


def test_without_any_worker_one_may_still_go_and_ask_the_runtime() -> None:
    limit = ConcurrencyLimit(workers=2)
    limit.staff(0)
    assert limit.limit == 1
