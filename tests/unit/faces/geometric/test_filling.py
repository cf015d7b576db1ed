import numpy as np
from numpy.testing import assert_array_equal

from steadfast.faces.geometric.filling import continue_smoothly

PICTURE = np.full((40, 50, 3), (90, 120, 180), dtype=np.uint8)


def test_what_is_known_stays_as_it_is() -> None:
    known = np.zeros((40, 50), dtype=np.float32)
    known[:, :25] = 1
    picture = PICTURE.copy()
    picture[:, 25:] = 0
    filled = continue_smoothly(picture, known, known, near=1, far=50)
    assert_array_equal(filled[:, :25], picture[:, :25])


def test_what_is_unknown_takes_the_nearest_known_colour() -> None:
    known = np.zeros((40, 50), dtype=np.float32)
    known[:, :25] = 1
    picture = PICTURE.copy()
    picture[:, 25:] = 0
    filled = continue_smoothly(picture, known, known, near=1, far=50)
    assert np.abs(filled[:, 25:35].astype(int) - PICTURE[:, 25:35]).max() <= 2


def test_a_picture_of_which_nothing_is_known_is_answered_unchanged() -> None:
    nothing = np.zeros((40, 50), dtype=np.float32)
    assert_array_equal(continue_smoothly(PICTURE, nothing, nothing, near=1, far=50), PICTURE)
