"""Down when memory runs out, up after a quiet time, and not for ever up and down."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.runtime.degradation import Ladder
from steadfast.task import OperatingPoint, Rung

POINTS = [
    OperatingPoint(),
    OperatingPoint(rung=Rung.SMALLER_BATCH),
    OperatingPoint(rung=Rung.CPU, degraded=("on the CPU",)),
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ladder(clock: Clock) -> Ladder:
    ladder = Ladder(quiet_s=100, clock=clock)
    ladder.learn(POINTS)
    return ladder


def test_it_goes_down_step_by_step_and_ends_at_the_last(ladder: Ladder) -> None:
    assert [ladder.step_down(), ladder.step_down(), ladder.step_down()] == [True, True, False]
    assert ladder.point.degraded == ("on the CPU",)


def test_it_climbs_only_after_the_quiet_time(ladder: Ladder, clock: Clock) -> None:
    ladder.step_down()
    clock.pass_(99)
    seen = [ladder.climb_due]
    clock.pass_(1)
    seen.append(ladder.climb_due)
    assert ladder.step_up() == 0
    seen.append(ladder.climb_due)
    assert seen == [False, True, False]


def test_at_the_top_nothing_is_due(ladder: Ladder, clock: Clock) -> None:
    clock.pass_(1000)
    assert not ladder.climb_due


def test_a_climb_that_fails_doubles_the_next_quiet_time(ladder: Ladder, clock: Clock) -> None:
    ladder.step_down()
    waits = []
    for _ in range(7):
        began_s = clock()
        while not ladder.climb_due:
            clock.pass_(100)
        waits.append(clock() - began_s)
        ladder.step_up()
        clock.pass_(1)
        ladder.step_down()
    assert waits == [100, 200, 400, 800, 1600, 1600, 1600]


def test_a_quiet_time_at_the_top_forgives_failed_climbs(ladder: Ladder, clock: Clock) -> None:
    ladder.step_down()
    clock.pass_(100)
    ladder.step_up()
    ladder.step_down()  # failed: 200 from now on
    clock.pass_(200)
    ladder.step_up()
    clock.pass_(100)
    ladder.settle()
    ladder.step_down()
    clock.pass_(100)
    assert ladder.climb_due


def test_a_worker_that_could_only_load_lower_takes_its_place_there(ladder: Ladder) -> None:
    ladder.adopt(2)
    assert ladder.level == 2
    ladder.adopt(1)
    assert ladder.level == 2


def test_a_shorter_ladder_after_a_reload_keeps_the_level_inside(ladder: Ladder) -> None:
    ladder.adopt(2)
    ladder.learn(POINTS[:2])
    assert ladder.level == 1
