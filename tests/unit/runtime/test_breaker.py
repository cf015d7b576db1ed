"""The breaker opens, tries, closes."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.runtime.breaker import Breaker, BreakerState


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(open_s=10, clock=clock)


def test_it_is_closed_at_first(breaker: Breaker) -> None:
    assert breaker.state is BreakerState.CLOSED
    assert breaker.retry_after_s == 0


def test_an_open_one_says_when_the_trial_is(breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    clock.pass_(4)
    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_after_s == 6


def test_it_is_half_open_after_its_pause(breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    clock.pass_(10)
    assert breaker.state is BreakerState.HALF_OPEN


def test_failed_trials_double_the_pause_up_to_eight_times(breaker: Breaker, clock: Clock) -> None:
    pauses = []
    breaker.open()
    for _ in range(6):
        pauses.append(breaker.retry_after_s)
        clock.pass_(breaker.retry_after_s)
        assert breaker.state is BreakerState.HALF_OPEN
        breaker.open()
    assert pauses == [10, 20, 40, 80, 80, 80]


def test_a_passed_trial_closes_it_and_the_next_pause_is_short_again(breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    clock.pass_(10)
    states = [breaker.state]
    breaker.open()
    clock.pass_(20)
    breaker.close()
    states.append(breaker.state)
    assert states == [BreakerState.HALF_OPEN, BreakerState.CLOSED]
    breaker.open()
    assert breaker.retry_after_s == 10
