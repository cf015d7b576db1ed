"""A worker's life follows its drawing."""

import pytest

from steadfast.runtime.states import ALLOWED, ENDED, ImpossibleTransition, WorkerState, check


def test_every_state_has_its_steps() -> None:
    assert set(ALLOWED) == set(WorkerState)


def test_an_ended_worker_never_comes_back() -> None:
    for state in ENDED:
        assert not ALLOWED[state]


def test_every_living_worker_can_end_in_order_and_by_accident() -> None:
    for state in set(WorkerState) - ENDED:
        assert {WorkerState.STOPPED, WorkerState.FAILED} <= ALLOWED[state]


def test_work_is_only_given_to_the_ready() -> None:
    givers = {state for state, steps in ALLOWED.items() if WorkerState.BUSY in steps}
    assert givers == {WorkerState.READY}


def test_a_step_that_is_not_drawn_is_a_bug() -> None:
    with pytest.raises(ImpossibleTransition, match="stopped → ready"):
        check(WorkerState.STOPPED, WorkerState.READY)
