"""Times are predicted from what is known before; what is known after teaches; lies and silence do no harm."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.overload import a_job

from steadfast.admission.prediction import Features, Forecast, ServiceTimePredictor


def taught(times: int = 400, seed: int = 1) -> ServiceTimePredictor:
    predictor = ServiceTimePredictor()
    dice = random.Random(seed)
    for _ in range(times):
        job = a_job(dice)
        predictor.learn(job.features, job.cost, job.service_s)
    return predictor


def test_before_anything_was_seen_it_says_the_first_guess() -> None:
    forecast = ServiceTimePredictor(first_guess_s=0.7).predict({"bytes": 1e6})
    assert forecast == Forecast(median_s=0.7, mean_s=0.7, slow_s=0.7)


def test_after_a_few_it_says_what_is_usual() -> None:
    predictor = ServiceTimePredictor(first_guess_s=30.0)
    for worked_s in (0.1, 0.2, 0.3, 0.2):
        predictor.learn({"bytes": 1e6}, {}, worked_s)
    forecast = predictor.predict({"bytes": 1e6})
    assert forecast.median_s == pytest.approx(0.2)
    assert forecast.slow_s == pytest.approx(0.3)
    assert predictor.error is None


def test_heavy_tailed_times_of_mixed_sizes_are_predicted_within_two_fifths() -> None:
    predictor = taught(1000)
    assert predictor.error is not None
    assert predictor.error < 0.4


def test_the_mean_is_right_on_the_whole_although_a_few_take_very_long() -> None:
    predictor, dice = taught(1000), random.Random(2)
    jobs = [a_job(dice) for _ in range(1000)]
    predicted_s = sum(predictor.predict(job.features).mean_s for job in jobs)
    assert predicted_s == pytest.approx(sum(job.service_s for job in jobs), rel=0.25)


def test_nine_of_ten_take_less_than_what_is_called_slow() -> None:
    predictor, dice = taught(1500), random.Random(2)
    jobs = [a_job(dice) for _ in range(1000)]
    quicker = sum(job.service_s <= predictor.predict(job.features).slow_s for job in jobs)
    assert 0.84 < quicker / len(jobs) < 0.96


def test_more_pixels_take_longer() -> None:
    predictor = taught()
    small = predictor.predict({"bytes": 1e5, "pixels": 4e5, "engine": "standard"})
    large = predictor.predict({"bytes": 5e6, "pixels": 2e7, "engine": "standard"})
    assert large.median_s > 2 * small.median_s


def test_a_picture_whose_header_cannot_be_read_is_judged_by_its_bytes() -> None:
    predictor = taught()
    small = predictor.predict({"bytes": 1e5, "engine": "standard"})
    large = predictor.predict({"bytes": 5e6, "engine": "standard"})
    assert large.median_s > 2 * small.median_s


def test_each_engine_has_its_own_times() -> None:
    predictor, dice = ServiceTimePredictor(), random.Random(3)
    for _ in range(300):
        engine, factor = dice.choice([("standard", 1.0), ("neural", 6.0)])
        worked_s = 0.1 * factor * math.exp(dice.gauss(0.0, 0.1))
        predictor.learn({"bytes": 1e6, "engine": engine}, {}, worked_s)
    assert predictor.predict({"bytes": 1e6, "engine": "standard"}).median_s == pytest.approx(0.1, rel=0.2)
    assert predictor.predict({"bytes": 1e6, "engine": "neural"}).median_s == pytest.approx(0.6, rel=0.2)


def test_headers_that_lie_do_not_spoil_the_predictions_for_others() -> None:
    predictor, dice = ServiceTimePredictor(), random.Random(4)
    for number in range(600):
        job = a_job(dice)
        lies: Features = {**job.features, "pixels": 1.0}
        predictor.learn(lies if number % 3 == 0 else job.features, job.cost, job.service_s)
    honest = [a_job(dice) for _ in range(300)]
    errors = sorted(
        abs(predictor.predict(job.features).median_s - job.service_s) / job.service_s for job in honest
    )
    assert errors[len(errors) // 2] < 0.4


def test_what_the_worker_reports_counts_more_than_what_a_header_claimed() -> None:
    predictor, dice = ServiceTimePredictor(), random.Random(6)
    for number in range(600):
        pixels = math.exp(dice.uniform(math.log(1e5), math.log(1e7)))
        claimed = 1.0 if number % 2 else pixels
        predictor.learn({"pixels": claimed}, {"pixels": pixels}, pixels / 1e7)
    assert predictor.predict({"pixels": 3e5}).median_s == pytest.approx(0.03, rel=0.15)
    assert predictor.predict({"pixels": 5e6}).median_s == pytest.approx(0.5, rel=0.15)


def test_a_few_that_take_very_long_lift_the_mean_and_not_the_median() -> None:
    predictor, dice = ServiceTimePredictor(), random.Random(7)
    for number in range(800):
        predictor.learn({"bytes": 1e6}, {}, (1.0 if number % 10 else 10.0) * dice.uniform(0.9, 1.1))
    forecast = predictor.predict({"bytes": 1e6})
    assert forecast.median_s < 1.4
    assert forecast.mean_s == pytest.approx(1.9, rel=0.2)


def test_a_claim_beyond_anything_seen_is_not_believed_without_end() -> None:
    predictor = taught()
    huge = predictor.predict({"bytes": 1e12, "pixels": 1e15, "engine": "standard"})
    assert huge.median_s < 100


def test_a_hang_among_a_thousand_moves_next_to_nothing() -> None:
    predictor = taught(1000)
    features: Features = {"bytes": 5e5, "pixels": 2e6, "engine": "standard"}
    before_s = predictor.predict(features).median_s
    predictor.learn(features, {}, 600.0)
    assert predictor.predict(features).median_s == pytest.approx(before_s, rel=0.15)


def test_a_machine_that_becomes_slower_is_noticed() -> None:
    predictor, dice = taught(500), random.Random(5)
    for _ in range(400):
        job = a_job(dice)
        predictor.learn(job.features, job.cost, 3 * job.service_s)
    jobs = [a_job(dice) for _ in range(300)]
    ratios = sorted(predictor.predict(job.features).median_s / (3 * job.service_s) for job in jobs)
    assert 0.7 < ratios[150] < 1.5


FEATURES = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.floats(0.0, 1e18), st.sampled_from(["jpeg", "png", "standard"])),
    max_size=16,
)


@given(st.lists(st.tuples(FEATURES, st.floats(0.0, 1e4)), min_size=13, max_size=20), FEATURES)
@settings(max_examples=30)
def test_whatever_it_is_told_it_predicts_a_time(
    told: list[tuple[dict[str, float | str], float]], asked: dict[str, float | str]
) -> None:
    predictor = ServiceTimePredictor()
    for features, worked_s in told:
        predictor.learn(features, {}, worked_s)
    forecast = predictor.predict(asked)
    assert 0.0 < forecast.median_s < math.inf
    assert 0.0 < forecast.mean_s < math.inf


def test_what_was_said_of_the_like_is_forgotten_with_the_next_lesson() -> None:
    predictor = ServiceTimePredictor(first_guess_s=1.0)
    features = {"bytes": 1000.0}
    assert predictor.predict(features).median_s == 1.0
    predictor.learn(features, {}, 0.25)
    assert predictor.predict(features).median_s == 0.25
