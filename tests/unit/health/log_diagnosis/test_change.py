"""Shifts and trends are told from noise, cycles and warm-up."""

import math
from random import Random

import pytest

from steadfast.health.log_diagnosis.change import find_shift, find_trend
from steadfast.health.log_diagnosis.findings import Place
from steadfast.health.log_diagnosis.series import MOST_POINTS, Series


def noisy(random: Random, count: int, level: float = 5.0, noise: float = 0.1) -> list[float]:
    return [random.gauss(level, noise) for _ in range(count)]


@pytest.mark.parametrize("seed", range(10))
def test_a_step_is_found_where_it_is(seed: int) -> None:
    random = Random(seed)
    shift = find_shift(noisy(random, 60) + noisy(random, 40, 6.0))
    assert shift is not None
    assert abs(shift.start - 60) <= 2
    assert shift.end == 100
    assert shift.before == pytest.approx(5, abs=0.1)
    assert shift.after == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("seed", range(10))
def test_a_bump_that_passes_is_found_with_its_end(seed: int) -> None:
    random = Random(seed)
    shift = find_shift(noisy(random, 40) + noisy(random, 25, 6.0) + noisy(random, 60))
    assert shift is not None
    assert abs(shift.start - 40) <= 2
    assert abs(shift.end - 65) <= 2


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_no_shift(seed: int) -> None:
    assert find_shift(noisy(Random(seed), 128)) is None


def test_a_fall_and_a_run_too_short_to_judge_are_no_shift() -> None:
    random = Random(1)
    assert find_shift(noisy(random, 5) + noisy(random, 5, 9.0)) is None
    fall = find_shift(noisy(random, 60, 6.0) + noisy(random, 60, 5.0))
    assert fall is None or fall.after > fall.before


@pytest.mark.parametrize("seed", range(5))
def test_a_trend_is_measured_by_its_line(seed: int) -> None:
    random = Random(seed)
    trend = find_trend([100 + 2 * index + random.gauss(0, 5) for index in range(100)])
    assert trend is not None
    assert trend.begin == pytest.approx(100, abs=10)
    assert trend.end == pytest.approx(298, abs=10)
    assert trend.tau > 0.9
    assert trend.late_share == pytest.approx(1, abs=0.2)


def test_a_rise_that_comes_to_rest_has_no_late_slope() -> None:
    trend = find_trend([100 * (1 - math.exp(-index / 12)) for index in range(128)])
    assert trend is not None
    assert trend.late_share < 0.1


def test_noise_has_no_trend() -> None:
    trend = find_trend(noisy(Random(3), 128))
    assert trend is not None
    assert abs(trend.tau) < 0.2


@pytest.mark.parametrize("count", [1, 127, 128, 129, 255, 256, 257, 1000, 99_999])
def test_a_series_keeps_order_and_level_in_bounded_room(count: int) -> None:
    series = Series()
    for index in range(count):
        series.add(float(index), lambda at=index: Place(file="f", line=at))  # type: ignore[misc]
    points = series.points()
    assert series.count == count
    assert len(points) <= 2 * MOST_POINTS
    assert points == sorted(points)
    assert points[0] <= count / 64
    assert points[-1] >= count * 0.97 - 1
    assert series.place(len(points) - 1).line <= count
