"""Canaries notice wrong answers and cost nothing worth mentioning."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.runtime.canary import SHARE, CanarySchedule


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> CanarySchedule:
    return CanarySchedule(every_s=30, floor_s=300, clock=clock)


def test_an_idle_worker_is_checked_after_its_time(schedule: CanarySchedule, clock: Clock) -> None:
    clock.pass_(29)
    assert not schedule.due()
    clock.pass_(1)
    assert schedule.due()
    schedule.count_canary(0.01)
    assert not schedule.due()


def test_work_puts_it_off(schedule: CanarySchedule, clock: Clock) -> None:
    for _ in range(5):
        clock.pass_(29)
        schedule.count_work()
        assert not schedule.due()


def test_but_not_for_ever(schedule: CanarySchedule, clock: Clock) -> None:
    for _ in range(11):
        clock.pass_(28)
        schedule.count_work()
    assert schedule.due()


@pytest.mark.parametrize("cost_s", [0.001, 0.05, 1.0, 10.0])
def test_they_stay_under_half_a_percent_of_the_time(cost_s: float) -> None:
    clock = Clock()
    schedule = CanarySchedule(every_s=1, floor_s=5, clock=clock)
    spent_s = 0.0
    schedule.count_canary(cost_s)
    for _ in range(20_000):
        clock.pass_(0.5)
        if schedule.due():
            clock.pass_(cost_s)
            spent_s += cost_s
            schedule.count_canary(cost_s)
    assert spent_s / clock() <= SHARE


def test_after_hangs_it_is_the_way_back_and_comes_soon(schedule: CanarySchedule, clock: Clock) -> None:
    clock.pass_(2)
    assert not schedule.due()
    assert schedule.due(suspicious=True)
