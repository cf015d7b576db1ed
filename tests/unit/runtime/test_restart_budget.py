"""Restarts back off and end, but a worker that served is no crash loop."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.runtime.restart_budget import RestartBudget


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> RestartBudget:
    return RestartBudget(
        deaths=3, window_s=60, first_pause_s=1, longest_pause_s=8, clock=clock, jitter=lambda: 1.0
    )


def test_the_first_start_is_at_once(budget: RestartBudget) -> None:
    assert budget.pause_s == 0
    assert not budget.exceeded


def test_pauses_double_up_to_the_longest(budget: RestartBudget) -> None:
    pauses = []
    for _ in range(6):
        budget.count_death()
        pauses.append(budget.pause_s)
    assert pauses == [1, 2, 4, 8, 8, 8]


def test_a_pause_runs_down_with_the_clock(budget: RestartBudget, clock: Clock) -> None:
    budget.count_death()
    clock.pass_(0.4)
    assert budget.pause_s == pytest.approx(0.6)
    clock.pass_(5)
    assert budget.pause_s == 0


def test_jitter_keeps_at_least_half_of_the_pause(clock: Clock) -> None:
    budget = RestartBudget(
        deaths=3, window_s=60, first_pause_s=1, longest_pause_s=8, clock=clock, jitter=lambda: 0.0
    )
    budget.count_death()
    assert budget.pause_s == 0.5


def test_it_is_exceeded_by_deaths_within_the_window_only(budget: RestartBudget, clock: Clock) -> None:
    budget.count_death()
    clock.pass_(50)
    budget.count_death()
    clock.pass_(20)
    budget.count_death()
    seen = [budget.exceeded]
    budget.count_death()
    seen.append(budget.exceeded)
    clock.pass_(61)
    seen.append(budget.exceeded)
    assert seen == [False, True, False]


def test_a_success_ends_the_pause_but_does_not_forget_the_deaths(budget: RestartBudget) -> None:
    budget.count_death()
    budget.count_death()
    budget.count_success()
    assert budget.pause_s == 0
    budget.count_death()
    assert budget.exceeded
    assert budget.pause_s == 1


def test_after_the_breaker_closed_all_is_forgotten(budget: RestartBudget) -> None:
    for _ in range(3):
        budget.count_death()
    budget.forget()
    assert not budget.exceeded
    assert budget.pause_s == 0
