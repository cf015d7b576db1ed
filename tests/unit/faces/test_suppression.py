"""Of detections that cover the same face, only the best stays."""

import numpy as np
import pytest

from steadfast.faces.face import Box
from steadfast.faces.suppression import best_of_overlapping, box_overlap, overlap


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_of_two_boxes_on_one_face_the_better_stays() -> None:
    kept = best_of_overlapping(
        boxes((0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60)),
        np.array([0.7, 0.9, 0.8], dtype=np.float32),
        max_overlap=0.3,
    )
    assert kept.tolist() == [1, 2]


def test_neighbours_that_hardly_touch_both_stay() -> None:
    kept = best_of_overlapping(
        boxes((0, 0, 10, 10), (9, 0, 19, 10)), np.array([0.9, 0.8], dtype=np.float32), max_overlap=0.3
    )
    assert kept.tolist() == [0, 1]


def test_nothing_in_gives_nothing_out() -> None:
    assert best_of_overlapping(boxes(), np.zeros(0, dtype=np.float32), max_overlap=0.3).tolist() == []


def test_equal_scores_keep_their_order() -> None:
    apart = boxes((0, 0, 5, 5), (20, 0, 25, 5), (40, 0, 45, 5))
    assert best_of_overlapping(apart, np.ones(3, dtype=np.float32), max_overlap=0.3).tolist() == [0, 1, 2]


def test_overlap_is_the_shared_area_over_the_joint_area() -> None:
    answer = overlap(boxes((0, 0, 10, 10))[0], boxes((0, 0, 10, 10), (5, 0, 15, 10), (20, 0, 30, 10)))
    np.testing.assert_allclose(answer, [1, 1 / 3, 0])


def test_an_empty_box_overlaps_nothing() -> None:
    empty = Box(left=3, top=3, right=3, bottom=3)
    assert box_overlap(empty, empty) == 0


def test_boxes_of_faces_compare_like_rows() -> None:
    one, other = Box(left=0, top=0, right=10, bottom=10), Box(left=0, top=5, right=10, bottom=15)
    assert box_overlap(one, other) == pytest.approx(1 / 3)
