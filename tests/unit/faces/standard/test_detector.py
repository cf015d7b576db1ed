"""YuNet is fed what it was trained on, and its answers are read cell by cell."""

import numpy as np
import pytest
from tests.unit.faces.recorded_session import RecordedSession

from steadfast.faces.standard.detector import STRIDES_PX, YuNetDetector, decode, network_input
from steadfast.inference.sessions import Tensor


def silent(width_px: int, height_px: int) -> dict[str, Tensor]:
    """What the network answers where there is no face."""
    answers: dict[str, Tensor] = {}
    for stride in STRIDES_PX:
        cells = (width_px // stride) * (height_px // stride)
        for name, values in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            answers[f"{name}_{stride}"] = np.zeros((1, cells, values), dtype=np.float32)
    return answers


def put_face(
    answers: dict[str, Tensor], stride: int, cell: int, *, score: float = 0.9, sides_cells: float = 4.0
) -> None:
    answers[f"cls_{stride}"][0, cell] = score
    answers[f"obj_{stride}"][0, cell] = score
    answers[f"bbox_{stride}"][0, cell] = (0.5, 0.25, np.log(sides_cells), np.log(sides_cells * 1.25))
    answers[f"kps_{stride}"][0, cell] = np.arange(10) / 10


def test_the_input_is_bgr_from_0_to_255_padded_to_multiples_of_32() -> None:
    image = np.full((50, 70, 3), (10, 20, 255), dtype=np.uint8)
    fed = network_input(image)
    assert fed.shape == (1, 3, 64, 96)
    assert fed.dtype == np.float32
    assert fed[0, :, 49, 69].tolist() == [10, 20, 255]
    assert not fed[0, :, 50:].any()
    assert not fed[0, :, :, 70:].any()


@pytest.mark.parametrize("stride", STRIDES_PX)
def test_a_cell_answers_where_its_face_is(stride: int) -> None:
    columns = 128 // stride
    answers = silent(128, 96)
    put_face(answers, stride, cell=columns + 2)  # row 1, column 2
    (row,) = decode(answers, 128, min_score=0.5)
    center_x, center_y = 2.5 * stride, 1.25 * stride
    expected = (
        center_x - 2 * stride,
        center_y - 2.5 * stride,
        center_x + 2 * stride,
        center_y + 2.5 * stride,
    )
    assert row[:4] == pytest.approx(expected, rel=1e-5)
    assert row[4] == pytest.approx(0.9)
    assert row[5:9] == pytest.approx(np.array((2.0, 1.1, 2.2, 1.3)) * stride, rel=1e-5)


def test_the_score_is_the_geometric_mean_of_class_and_objectness() -> None:
    answers = silent(64, 64)
    put_face(answers, 8, cell=3)
    answers["obj_8"][0, 3] = 0.4
    assert decode(answers, 64, min_score=0.5)[0, 4] == pytest.approx((0.9 * 0.4) ** 0.5)
    assert len(decode(answers, 64, min_score=0.61)) == 0


def test_one_face_seen_by_many_cells_is_one_detection_the_best() -> None:
    answers = silent(128, 128)
    put_face(answers, 8, cell=40, score=0.8)
    put_face(answers, 8, cell=41, score=0.95)
    put_face(answers, 16, cell=60, score=0.7)
    found = YuNetDetector(RecordedSession(answers).session).detect(np.zeros((128, 128, 3), dtype=np.uint8))
    assert [round(d.score, 2) for d in found] == [0.95, 0.7]
    assert found[0].points5 is not None
    assert found[0].points5.shape == (5, 2)


def test_an_empty_picture_has_no_face() -> None:
    found = YuNetDetector(RecordedSession(silent(32, 32)).session).detect(np.zeros((1, 1, 3), dtype=np.uint8))
    assert found == []
