"""The measures of quality agree with what is known of them."""

import numpy as np
import pytest

from steadfast.tasks.quality_sample import (
    FaceDistance,
    frechet_distance,
    outline_overlap,
    structural_similarity,
)

RNG = np.random.default_rng(7)


def test_the_distance_of_a_cloud_to_itself_is_none() -> None:
    cloud = RNG.normal(size=(200, 8)).astype(np.float32)
    assert frechet_distance(cloud, cloud) == pytest.approx(0, abs=1e-9)


def test_a_cloud_that_is_moved_is_as_far_as_it_was_moved() -> None:
    cloud = RNG.normal(size=(200, 8)).astype(np.float32)
    assert frechet_distance(cloud, cloud + 3) == pytest.approx(8 * 9, rel=1e-4)


def test_a_cloud_that_is_stretched_is_as_far_as_the_formula_says() -> None:
    cloud = RNG.normal(size=(5000, 1)).astype(np.float32)
    cloud -= cloud.mean()
    assert frechet_distance(cloud, 3 * cloud) == pytest.approx(float(cloud.var(ddof=1)) * 4, rel=1e-3)


def test_a_distance_is_told_when_a_batch_is_full_and_then_begins_anew() -> None:
    distance, one = FaceDistance(batch=4), np.ones(3, np.float32)
    told = [distance.add(one * number, one * number) for number in range(8)]
    assert [value is not None for value in told] == [False, False, False, True] * 2


def test_a_picture_is_wholly_similar_to_itself_and_less_to_a_blurred_one() -> None:
    picture = RNG.integers(0, 255, (64, 64), dtype=np.uint8)
    assert float(structural_similarity(picture, picture).mean()) == pytest.approx(1, abs=1e-4)
    noisy = np.clip(picture.astype(int) + RNG.integers(-60, 60, picture.shape), 0, 255).astype(np.uint8)
    assert 0.3 < float(structural_similarity(picture, noisy).mean()) < 0.97


def test_outlines_overlap_as_far_as_they_cover_each_other() -> None:
    square = np.array([(10, 10), (30, 10), (30, 30), (10, 30)], np.float32)
    assert outline_overlap(square, square, (64, 64)) == 1.0
    assert outline_overlap(square, square + 10, (64, 64)) == pytest.approx(
        11 * 11 / (2 * 21 * 21 - 121), abs=0.01
    )
    assert outline_overlap(square, square + 40, (128, 128)) == 0.0
