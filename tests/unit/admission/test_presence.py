"""A wait is foretold with the workers that it will see."""

import pytest

from steadfast.admission.presence import Presence


class Clock:
    """Time by hand, in seconds."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_steady_workers_share_the_work() -> None:
    presence = Presence(4, clock=Clock())
    assert presence.time_for(8.0, pace=0.5) == pytest.approx(4.0)
    assert presence.time_for(0.0, pace=0.5) == 0.0


def test_a_short_wait_sees_who_is_there_and_a_long_one_the_usual_number() -> None:
    clock = Clock()
    presence = Presence(2, clock=clock)
    clock.now_s = 100.0
    presence.change_to(1)  # one has just died
    assert presence.time_for(0.1, pace=1.0) == pytest.approx(0.1, rel=0.05)
    assert presence.time_for(40.0, pace=1.0) == pytest.approx(20.0, rel=0.1)


def test_who_does_not_come_back_is_not_counted_on_for_long() -> None:
    clock = Clock()
    presence = Presence(2, clock=clock)
    presence.change_to(1)
    clock.now_s = 60.0
    assert presence.time_for(40.0, pace=1.0) == pytest.approx(40.0, rel=0.02)


def test_what_was_before_the_first_request_says_nothing() -> None:
    presence = Presence(1, clock=Clock())
    presence.begin_with(8)
    assert presence.time_for(80.0, pace=1.0) == pytest.approx(10.0)
