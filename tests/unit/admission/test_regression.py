"""The regression finds what is there, follows what changes, and does not fall for outliers."""

import random

import pytest

from steadfast.admission.regression import RobustRegression


def observe(
    regression: RobustRegression,
    weights: list[float],
    *,
    times: int,
    seed: int = 1,
    noise: float = 0.1,
    outlier_share: float = 0.0,
) -> None:
    dice = random.Random(seed)
    for _ in range(times):
        x = [1.0, *(dice.uniform(-1.0, 1.0) for _ in weights[1:])]
        y = sum(w * v for w, v in zip(weights, x, strict=True)) + dice.gauss(0.0, noise)
        if dice.random() < outlier_share:
            y += 50.0
        regression.observe(x, y)


def test_knowing_nothing_it_says_zero() -> None:
    assert RobustRegression(3).estimate([1.0, 2.0, 3.0]) == 0.0


def test_the_weights_are_found() -> None:
    regression = RobustRegression(3)
    observe(regression, [2.0, -1.0, 0.5], times=300)
    assert regression.weights == pytest.approx([2.0, -1.0, 0.5], abs=0.05)


def test_a_change_is_followed() -> None:
    regression = RobustRegression(2)
    observe(regression, [1.0, 1.0], times=500)
    observe(regression, [1.5, 2.0], times=1500, seed=2)
    assert regression.weights == pytest.approx([1.5, 2.0], abs=0.1)


def test_a_few_outliers_move_nothing() -> None:
    regression = RobustRegression(2)
    observe(regression, [1.0, 1.0], times=1000, outlier_share=0.02)
    assert regression.weights == pytest.approx([1.0, 1.0], abs=0.15)


def test_an_input_that_never_varies_does_not_blow_it_up() -> None:
    regression = RobustRegression(3)
    for _ in range(20_000):
        regression.observe([1.0, 0.0, 0.5], 1.0)
    regression.observe([1.0, 1.0, 0.5], 1.2)
    assert regression.estimate([1.0, 0.0, 0.5]) == pytest.approx(1.0, abs=0.05)
    assert all(abs(weight) < 10.0 for weight in regression.weights)
