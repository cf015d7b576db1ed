import numpy as np
from numpy.testing import assert_allclose

from steadfast.faces.face import Points
from steadfast.faces.geometric.crop import crop_around

FACE: Points = np.array([(30, 20), (130, 20), (80, 160)], dtype=np.float32)


def test_a_crop_holds_all_points_and_its_grid_the_longest_side_asked_for() -> None:
    crop = crop_around(FACE, 400, 300, longest_grid=72)
    assert crop is not None
    assert crop.left <= 30
    assert crop.right > 130
    assert max(crop.grid.width, crop.grid.height) == 72


def test_a_small_face_gets_one_grid_point_per_pixel() -> None:
    crop = crop_around(FACE, 400, 300, longest_grid=500)
    assert crop is not None
    assert (crop.grid.width, crop.grid.height) == crop.size_px


def test_points_keep_their_place_between_pixels_and_grid() -> None:
    crop = crop_around(FACE, 400, 300, longest_grid=72)
    assert crop is not None
    corner = np.array([(crop.left - 0.5, crop.top - 0.5), (crop.right - 0.5, crop.bottom - 0.5)])
    expected = [(-0.5, -0.5), (crop.grid.width - 0.5, crop.grid.height - 0.5)]
    assert_allclose(crop.to_grid(corner.astype(np.float32)), expected, atol=1e-4)


def test_a_face_beyond_the_border_is_clipped_and_one_outside_has_no_crop() -> None:
    crop = crop_around(FACE - np.float32(60), 400, 300, longest_grid=72)
    assert crop is not None
    assert (crop.left, crop.top) == (0, 0)
    assert crop_around(FACE + np.float32(1000), 400, 300, longest_grid=72) is None


def test_a_cut_is_a_view_so_that_writing_to_it_writes_the_region() -> None:
    crop = crop_around(FACE, 200, 200, longest_grid=72)
    assert crop is not None
    region = np.zeros((200, 200), dtype=np.uint8)
    crop.cut(region)[:] = 7
    assert region[crop.top, crop.left] == 7
    assert region[0, 0] == 0
