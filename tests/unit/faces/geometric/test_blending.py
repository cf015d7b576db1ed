import numpy as np
from numpy.testing import assert_array_equal

from steadfast.faces.geometric.blending import blend

HEIGHT, WIDTH = 64, 80
TARGET = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
SOURCE = np.full((HEIGHT, WIDTH, 3), 180, dtype=np.float32)
EVERYWHERE = np.ones((HEIGHT, WIDTH), dtype=np.float32)


def left_half() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    mask[:, : WIDTH // 2] = 1
    return mask


def test_a_full_mask_gives_the_source_and_an_empty_one_the_target() -> None:
    assert_array_equal(blend(TARGET, SOURCE, EVERYWHERE, EVERYWHERE, 4), 180)
    assert_array_equal(blend(TARGET, SOURCE, EVERYWHERE * 0, EVERYWHERE, 4), 60)


def test_nothing_changes_where_there_is_no_support() -> None:
    mask = left_half()
    result = blend(TARGET, SOURCE, mask, mask, 4)
    assert_array_equal(result[:, WIDTH // 2 :], 60)


def test_coarse_differences_fade_over_a_wider_seam_than_one_scale_would() -> None:
    one = blend(TARGET, SOURCE, left_half(), EVERYWHERE, 0)[32].mean(axis=1)
    many = blend(TARGET, SOURCE, left_half(), EVERYWHERE, 4)[32].mean(axis=1)
    assert np.abs(np.diff(one)).max() == 120
    assert np.abs(np.diff(many)).max() < 20


def test_fine_detail_keeps_a_sharp_seam() -> None:
    stripes = np.tile(np.array([40, 80], dtype=np.float32), WIDTH // 2)[None, :, None]
    source = np.broadcast_to(stripes, (HEIGHT, WIDTH, 3)).astype(np.float32)
    row = blend(TARGET, source, left_half(), EVERYWHERE, 4)[32].mean(axis=1)
    assert np.abs(np.diff(row[: WIDTH // 2 - 4])).min() > 30
    assert np.abs(np.diff(row[WIDTH // 2 + 4 :])).max() < 4


def test_a_crop_of_a_few_pixels_is_blended_without_error() -> None:
    assert blend(TARGET[:5, :5], SOURCE[:5, :5], EVERYWHERE[:5, :5], EVERYWHERE[:5, :5], 5).max() == 180
