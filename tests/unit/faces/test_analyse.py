"""Every face of a picture is found once, described, and placed in the picture's own pixels."""

import numpy as np
import pytest
from tests.unit.faces.disc_faces import ALICE, BOB, CAROL, DiscEngine, picture

from steadfast.faces.analyse import AnalysisOptions, analyse, describe
from steadfast.faces.face import Box, Detection
from steadfast.media.canvas import ArrayCanvas


def test_faces_come_from_left_to_right_with_everything_that_is_known() -> None:
    canvas = ArrayCanvas(picture((500, 100, 40, BOB), (120, 300, 60, ALICE), (300, 200, 30, CAROL)))
    faces = analyse(canvas, DiscEngine().engine)
    assert [round(face.box.center[0], -1) for face in faces] == [120, 300, 500]
    first = faces[0]
    assert first.box.height == pytest.approx(121, abs=4)
    assert first.landmarks.points.mean(axis=0) == pytest.approx((120, 300), abs=2)
    assert first.points5.shape == (5, 2)
    assert first.embedding is not None
    assert abs(first.pose.yaw_deg) < 1
    assert first.sharpness > 0


def test_a_large_picture_is_searched_small_and_answered_in_its_own_pixels() -> None:
    disc = DiscEngine()
    faces = analyse(ArrayCanvas(picture((2000, 1500, 300, ALICE), width=4000, height=3000)), disc.engine)
    assert disc.detector.looked_at == [(639, 480)]  # whole averages of 6 × 6, a strip of the rest left out
    assert faces[0].box.center == pytest.approx((2000, 1500), abs=6)
    assert faces[0].box.height == pytest.approx(600, abs=15)


def test_a_face_too_small_at_the_working_size_is_found_at_a_larger_one() -> None:
    disc = DiscEngine()
    faces = analyse(ArrayCanvas(picture((1000, 700, 20, ALICE), width=4000, height=3000)), disc.engine)
    assert [round(size[0], -1) for size in disc.detector.looked_at] == [640, 260, 1280]
    assert len(faces) == 1


def test_no_size_is_searched_twice_and_none_larger_than_the_picture() -> None:
    disc = DiscEngine()
    assert analyse(ArrayCanvas(picture(width=300, height=200)), disc.engine) == []
    assert disc.detector.looked_at == [(300, 200), (256, 171)]


def test_embeddings_are_made_only_if_they_are_asked_for() -> None:
    disc = DiscEngine()
    canvas = ArrayCanvas(picture((120, 300, 60, ALICE)))
    assert analyse(canvas, disc.engine, with_embedding=False)[0].embedding is None
    assert disc.identity.calls == 0


def test_a_face_that_is_detected_twice_is_one_face() -> None:
    disc = DiscEngine()
    found = disc.detector.detect(picture((120, 300, 60, ALICE)))
    disc.detector.detect = lambda image: [*found, *found]  # type: ignore[method-assign]
    assert len(analyse(ArrayCanvas(picture((120, 300, 60, ALICE))), disc.engine)) == 1


def test_a_detection_without_a_face_is_not_a_face() -> None:
    empty = Detection(box=Box(left=10, top=10, right=90, bottom=90), score=0.9, points5=None)
    assert describe(ArrayCanvas(picture()), DiscEngine().engine, empty) is None


@pytest.mark.parametrize(("side", "expected"), [(6.0, False), (12.0, True)])
def test_what_is_smaller_than_ten_pixels_is_not_described(side: float, expected: bool) -> None:
    small = Detection(
        box=Box(left=100 - side, top=100 - side, right=100 + side, bottom=100 + side), score=0.9, points5=None
    )
    tiny = Detection(box=Box(left=97, top=97, right=103, bottom=103), score=0.9, points5=None)
    canvas = ArrayCanvas(picture((100, 100, side, ALICE)))
    assert (describe(canvas, DiscEngine().engine, small if expected else tiny) is not None) is expected


def test_the_picture_is_only_read() -> None:
    pixels = picture((120, 300, 60, ALICE))
    before = pixels.copy()
    analyse(ArrayCanvas(pixels), DiscEngine().engine)
    np.testing.assert_array_equal(pixels, before)


def test_the_smallest_picture_has_no_face() -> None:
    assert analyse(ArrayCanvas(np.zeros((1, 1, 3), dtype=np.uint8)), DiscEngine().engine) == []


def test_without_refinement_landmarks_are_located_once_per_face() -> None:
    disc = DiscEngine()
    analyse(ArrayCanvas(picture((120, 300, 60, ALICE))), disc.engine, options=AnalysisOptions(refine=False))
    assert disc.landmarker.calls == 1
