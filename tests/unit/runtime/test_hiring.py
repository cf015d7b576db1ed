"""Whether a worker may be started, and what callers are told while none may."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.events import Event, subscribe
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.events import BreakerChanged
from steadfast.runtime.hiring import Hiring
from steadfast.runtime.options import RestartOptions


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hiring(clock: Clock) -> Hiring:
    return Hiring(task="t", options=RestartOptions(deaths=2, first_pause_s=1, open_s=10), clock=clock)


def _fail(hiring: Hiring, times: int) -> None:
    for _ in range(times):
        hiring.count_early_death()


def test_a_death_at_the_start_costs_a_pause(hiring: Hiring) -> None:
    assert hiring.pause_s(somebody_is_coming=False) == 0
    _fail(hiring, 1)
    assert 0.5 <= hiring.pause_s(somebody_is_coming=False) <= 1
    assert hiring.state is BreakerState.CLOSED


def test_too_many_open_the_breaker_and_callers_are_told_why_and_when(hiring: Hiring) -> None:
    hiring.last_failure = "The model file is noise."
    _fail(hiring, 2)
    assert hiring.state is BreakerState.OPEN
    assert hiring.pause_s(somebody_is_coming=False) == 10
    refusal = hiring.refusal()
    assert "noise" in refusal.detail
    assert refusal.retry_after_s == 10


def test_while_somebody_serves_early_deaths_cost_pauses_and_no_breaker(hiring: Hiring) -> None:
    for _ in range(5):
        hiring.count_early_death(somebody_serves=True)
    assert hiring.state is BreakerState.CLOSED
    assert hiring.pause_s(somebody_is_coming=False) > 1


def test_an_empty_place_does_not_wait_for_what_spares_have_done(hiring: Hiring) -> None:
    for _ in range(5):
        hiring.count_early_death(somebody_serves=True)
    hiring.hurry()
    assert hiring.pause_s(somebody_is_coming=False) == 0
    hiring.count_early_death()  # and now nobody serves
    assert hiring.state is BreakerState.OPEN


def test_half_open_it_tries_one_at_a_time(hiring: Hiring, clock: Clock) -> None:
    _fail(hiring, 2)
    clock.pass_(10)
    assert hiring.pause_s(somebody_is_coming=False) == 0
    assert hiring.pause_s(somebody_is_coming=True) > 0


def test_one_failed_trial_opens_it_again(hiring: Hiring, clock: Clock) -> None:
    _fail(hiring, 2)
    clock.pass_(70)  # the window is over, so the budget alone would allow more
    assert hiring.state is BreakerState.HALF_OPEN
    _fail(hiring, 1)
    assert hiring.pause_s(somebody_is_coming=False) == 20


def test_an_arrival_closes_it_and_forgets_everything_and_each_change_is_stated(
    hiring: Hiring, clock: Clock
) -> None:
    heard: list[Event] = []
    end = subscribe(heard.append)
    _fail(hiring, 2)
    clock.pass_(10)
    hiring.count_arrival()
    end()
    assert hiring.state is BreakerState.CLOSED
    assert hiring.pause_s(somebody_is_coming=False) == 0
    assert [event.state for event in heard if isinstance(event, BreakerChanged)] == ["open", "closed"]


def test_deaths_behind_an_open_breaker_do_not_open_it_further(hiring: Hiring, clock: Clock) -> None:
    _fail(hiring, 2)
    clock.pass_(4)
    _fail(hiring, 1)
    assert hiring.pause_s(somebody_is_coming=False) == 6
