"""The server's own process, as probes see it."""

import os
import subprocess
import sys
from typing import Any

import pytest
from tests.unit.health.probes.surroundings import pool, surroundings
from tests.virtual_time import run_in_virtual_time

from steadfast.health.probes import process
from steadfast.health.readings import Sample, Status
from steadfast.runtime.breaker import BreakerState


def only(samples: Any) -> Sample:
    (sample,) = list(samples)
    assert isinstance(sample, Sample)
    return sample


def test_the_longest_lag_of_the_loop_is_told_once() -> None:
    now_s = 0.0

    async def live() -> None:
        nonlocal now_s
        import asyncio

        probe = process.LoopLag(lambda: now_s)
        assert only(probe.take()).value == 0.0
        now_s = 1.5  # the loop was blocked: its beat was due at 0.25
        await asyncio.sleep(0.3)
        assert only(probe.take()).value == pytest.approx(1.25)
        assert only(probe.take()).value == 0.0

    run_in_virtual_time(live())


def test_a_guardian_that_is_gone_is_an_error_and_none_at_all_is_not() -> None:
    assert only(process.GuardianLink(surroundings()).take()).value is None
    here = surroundings(guardian_pid=os.getppid())
    assert only(process.GuardianLink(here).take()).value == 1.0
    gone = surroundings(guardian_pid=1 if os.getppid() != 1 else 2)
    assert only(process.GuardianLink(gone).take()).status is Status.ERROR


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"able": 2, "places": 2}, Status.OK),
        ({"able": 1, "places": 2}, Status.WARNING),
        ({"able": 0, "places": 2}, Status.ERROR),
        ({"able": 2, "places": 2, "breaker": BreakerState.OPEN}, Status.ERROR),
    ],
)
def test_missing_workers_are_judged_by_who_is_left(facts: dict[str, Any], status: Status) -> None:
    assert only(process.WorkerStates(surroundings(pool(**facts))).take()).status is status


def test_open_files_are_a_part_of_the_limit() -> None:
    value = only(process.OpenFiles().take()).value
    assert value is not None
    assert 0 < value < 1


def test_a_child_that_nobody_reaps_is_a_zombie() -> None:
    before = only(process.Zombies().take()).value
    assert before is not None
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert only(process.Zombies().take()).value == before + 1
    child.wait()


def test_threads_and_objects_are_counted() -> None:
    assert (only(process.Threads().take()).value or 0) >= 1
    assert (only(process.PythonObjects().take()).value or 0) > 1000
