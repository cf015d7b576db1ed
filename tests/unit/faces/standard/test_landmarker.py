"""FaceMesh sees an upright crop, and its points return to the picture."""

import numpy as np
import pytest
from tests.unit.faces.recorded_session import RecordedSession

from steadfast.faces.canonical import canonical_face
from steadfast.faces.face import Box, Detection, Landmarks, Topology
from steadfast.faces.standard.landmarker import INPUT_PX, FaceMeshLandmarker, crop_of, network_input

BOX = Box(left=100, top=80, right=180, bottom=180)
LEVEL = Detection(box=BOX, score=0.9, points5=None)


def answering(points: np.ndarray[tuple[int, ...], np.dtype[np.float32]], logit: float) -> RecordedSession:
    return RecordedSession(
        {
            "conv2d_21": points.reshape(1, 1, 1, -1),
            "conv2d_31": np.full((1, 1, 1, 1), logit, dtype=np.float32),
        }
    )


def test_the_input_is_rgb_from_0_to_1() -> None:
    crop = np.full((INPUT_PX, INPUT_PX, 3), (0, 51, 255), dtype=np.uint8)  # blue, green, red
    fed = network_input(crop)
    assert fed.shape == (1, 3, 192, 192)
    assert fed[0, :, 5, 5].tolist() == pytest.approx([1, 0.2, 0])


def test_the_middle_of_the_crop_is_the_middle_of_the_face_and_depth_grows_with_it() -> None:
    middle = np.full((468, 3), (INPUT_PX - 1) / 2, dtype=np.float32)
    middle[:, 2] = 10
    landmarker = FaceMeshLandmarker(answering(middle, 8.0).session)
    landmarks = landmarker.locate(np.zeros((300, 300, 3), dtype=np.uint8), LEVEL)
    assert landmarks is not None
    np.testing.assert_allclose(landmarks.points, np.full((468, 2), BOX.center), atol=1e-3)
    scale = 1.5 * 100 / INPUT_PX
    assert landmarks.depth is not None
    np.testing.assert_allclose(landmarks.depth, 10 * scale, rtol=1e-5)
    assert landmarks.topology is landmarker.topology is Topology.MEDIAPIPE_468


@pytest.mark.parametrize(("logit", "is_there"), [(3.0, True), (-0.1, False), (-1000.0, False)])
def test_a_face_is_there_if_the_model_is_more_sure_than_not(logit: float, is_there: bool) -> None:
    points = np.zeros((468, 3), dtype=np.float32)
    landmarker = FaceMeshLandmarker(answering(points, logit).session)
    found = landmarker.locate(np.zeros((300, 300, 3), dtype=np.uint8), LEVEL)
    assert (found is not None) is is_there
    if found is not None:
        assert found.presence == pytest.approx(1 / (1 + np.exp(-3)))


def test_a_face_that_was_found_is_looked_for_where_it_was_one_and_a_half_times_as_large() -> None:
    points = canonical_face(Topology.MEDIAPIPE_468).points[:, :2] * 100 + 150
    crop = crop_of(Landmarks(topology=Topology.MEDIAPIPE_468, points=points, depth=None, presence=1))
    assert crop is not None
    assert crop.center == pytest.approx(tuple((points.min(axis=0) + points.max(axis=0)) / 2), abs=1e-3)
    assert crop.side_px == pytest.approx(1.5 * np.ptp(points, axis=0).max(), rel=1e-4)
    assert crop.angle_rad == pytest.approx(0, abs=1e-3)


def test_a_hint_without_extent_finds_nothing_and_runs_nothing() -> None:
    session = answering(np.zeros((468, 3), dtype=np.float32), 9)
    hint = Landmarks(
        topology=Topology.MEDIAPIPE_468,
        points=np.full((468, 2), np.nan, dtype=np.float32),
        depth=None,
        presence=1,
    )
    assert FaceMeshLandmarker(session.session).locate(np.zeros((9, 9, 3), dtype=np.uint8), hint) is None
    assert session.feeds == []
