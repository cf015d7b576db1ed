"""The pace is what was done, and a prediction learns from what it was wrong by without swinging."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.admission.arrival import Priority
from steadfast.admission.wait_forecast import Calibration, Pace


def work(pace: Pace, clock: Clock, *, predicted_s: float, taken_s: float, times: int) -> None:
    for _ in range(times):
        clock.pass_(taken_s)
        pace.finish(predicted_s, 1)


def test_an_unknown_pace_is_as_predicted() -> None:
    assert Pace(clock=Clock()).value == 1.0


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_pace_is_what_was_done_of_what_was_predicted(factor: float) -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    work(pace, clock, predicted_s=0.1, taken_s=0.1 / factor, times=300)
    assert pace.value == pytest.approx(factor, rel=0.1)


def test_several_workers_finish_that_many_at_the_same_pace() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    for _ in range(400):
        clock.pass_(0.025)
        pace.finish(0.1, 4)
    assert pace.value == pytest.approx(1.0, rel=0.05)


def test_a_pause_is_no_slowness() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    work(pace, clock, predicted_s=0.1, taken_s=0.1, times=100)
    clock.pass_(1000.0)
    pace.restart()
    work(pace, clock, predicted_s=0.1, taken_s=0.1, times=100)
    assert pace.value == pytest.approx(1.0, rel=0.05)


def test_the_pace_stays_within_bounds_whatever_happens() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    work(pace, clock, predicted_s=0.001, taken_s=100.0, times=10)
    assert pace.value == 0.125


def test_what_predictions_were_wrong_by_is_learned_for_each_priority() -> None:
    calibration = Calibration()
    for _ in range(300):
        corrected_s = calibration.correct(Priority.BATCH, 2.0)
        calibration.observe(Priority.BATCH, raw_s=2.0, predicted_s=corrected_s, waited_s=5.0)
    assert calibration.correct(Priority.BATCH, 2.0) == pytest.approx(5.0, rel=0.01)
    assert calibration.correct(Priority.INTERACTIVE, 2.0) == 2.0


def test_learning_from_waits_that_end_much_later_does_not_swing() -> None:
    calibration = Calibration()
    told = [calibration.correct(Priority.STANDARD, 1.0)] * 200
    seen = []
    for _ in range(2000):  # each is compared only when two hundred further ones have been told
        told.append(calibration.correct(Priority.STANDARD, 1.0))
        calibration.observe(Priority.STANDARD, raw_s=1.0, predicted_s=told.pop(0), waited_s=2.0)
        seen.append(calibration.correct(Priority.STANDARD, 1.0))
    assert max(seen) <= 2.0 + 1e-9
    assert seen == sorted(seen)


def test_one_absurd_wait_changes_little() -> None:
    calibration = Calibration()
    calibration.observe(Priority.STANDARD, raw_s=0.1, predicted_s=0.1, waited_s=1e6)
    assert calibration.correct(Priority.STANDARD, 1.0) < 1.1


def test_its_own_error_is_the_median_of_the_last_ones() -> None:
    calibration = Calibration()
    assert calibration.error is None
    for number in range(99):
        predicted_s = 1.2 if number % 3 else 9.0
        calibration.observe(Priority.STANDARD, raw_s=1.0, predicted_s=predicted_s, waited_s=1.0)
    assert calibration.error == pytest.approx(0.2)


def test_the_reserve_grows_with_the_error_within_bounds() -> None:
    calibration = Calibration()
    reserves = [calibration.reserve]
    for _ in range(200):
        calibration.observe(Priority.STANDARD, raw_s=1.0, predicted_s=9.0, waited_s=1.0)
    reserves.append(calibration.reserve)
    assert reserves == pytest.approx([0.5, 1.0])


def test_waits_too_short_to_matter_are_not_judged() -> None:
    calibration = Calibration()
    for _ in range(100):
        calibration.observe(Priority.STANDARD, raw_s=0.005, predicted_s=0.005, waited_s=0.0001)
    assert calibration.error is None


def test_a_wait_in_vain_makes_the_door_stricter_until_waits_end_well_again() -> None:
    calibration = Calibration()
    usual = calibration.reserve
    calibration.count_vain_wait()
    assert calibration.reserve > usual + 0.4
    for _ in range(300):
        calibration.observe(Priority.INTERACTIVE, raw_s=1.0, predicted_s=1.0, waited_s=1.0)
    assert calibration.reserve <= usual + 0.01


def test_waits_in_vain_never_close_the_door() -> None:
    calibration = Calibration()
    for _ in range(1000):
        calibration.count_vain_wait()
    assert calibration.reserve <= 3.0
