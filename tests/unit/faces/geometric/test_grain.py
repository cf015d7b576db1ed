import numpy as np
from numpy.testing import assert_array_equal

from steadfast.faces.geometric.grain import add_grain
from steadfast.faces.geometric.tone import BgrField

SKIN = np.ones((60, 80), dtype=np.float32)


def skin(grain: float) -> BgrField:
    noise = np.random.default_rng(7).normal(0, grain, (60, 80, 1))
    return np.asarray(np.array([110, 140, 180]) + noise, dtype=np.float32)


def test_a_smooth_face_takes_grain_from_a_grainy_picture() -> None:
    grained = add_grain(skin(0), skin(6), SKIN)
    assert 1 < grained.std(axis=(0, 1)).mean() < 6
    assert np.abs(grained.mean(axis=(0, 1)) - (110, 140, 180)).max() < 0.5


def test_a_face_that_has_as_much_grain_is_left_as_it_is() -> None:
    assert_array_equal(add_grain(skin(6), skin(6), SKIN), skin(6))
    assert_array_equal(add_grain(skin(6), skin(0), SKIN), skin(6))


def test_the_grain_is_the_same_every_time() -> None:
    assert_array_equal(add_grain(skin(0), skin(6), SKIN), add_grain(skin(0), skin(6), SKIN))


def test_too_little_skin_to_measure_on_adds_none() -> None:
    nowhere = np.zeros_like(SKIN)
    nowhere[:10, :10] = 1
    assert_array_equal(add_grain(skin(0), skin(6), nowhere), skin(0))
