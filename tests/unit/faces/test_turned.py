"""Faces that lie on their side are found where they lie, if that is asked for."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.faces.disc_faces import ALICE, DiscDetector, DiscEngine, picture

from steadfast.faces.analyse import AnalysisOptions, analyse
from steadfast.faces.face import Detection, Points
from steadfast.faces.turned import detect_in_any_orientation
from steadfast.media.canvas import ArrayCanvas, BgrImage

UPRIGHT = picture((200, 100, 40, ALICE), width=400, height=240)


class UprightOnly(DiscDetector):
    """Finds the disc only in the orientation of UPRIGHT; answers a left eye above and left of its middle."""

    def detect(self, image: BgrImage) -> list[Detection]:
        found = super().detect(image)
        is_upright = found and image.shape == UPRIGHT.shape and found[0].box.center[1] < 120
        return [replace(d, points5=self.points(d)) for d in found] if is_upright else []

    def points(self, detection: Detection) -> Points | None:
        left_eye = np.array(detection.box.center) - (20, 10) - 0.5
        return np.array([left_eye] * 5, dtype=np.float32)


@pytest.mark.parametrize(("quarters", "eye"), [(1, (-10, 20)), (2, (20, 10)), (3, (10, -20))])
def test_box_and_points_return_to_the_picture_as_it_lies(quarters: int, eye: tuple[int, int]) -> None:
    lying = np.ascontiguousarray(np.rot90(UPRIGHT, quarters))
    (found,) = detect_in_any_orientation(lying, UprightOnly())
    true = DiscDetector().detect(lying)[0].box
    assert found.box.center == pytest.approx(true.center, abs=0.01)
    assert found.points5 is not None
    assert found.points5[0] == pytest.approx(np.array(true.center) - 0.5 + eye, abs=0.01)


def test_a_detector_without_points_gets_points_that_tell_which_way_is_up() -> None:
    class Pointless(UprightOnly):
        def points(self, detection: Detection) -> Points | None:
            return None

    (found,) = detect_in_any_orientation(np.ascontiguousarray(np.rot90(UPRIGHT)), Pointless())
    assert found.points5 is not None
    eyes, mouth = found.points5[:2].mean(axis=0), found.points5[3:].mean(axis=0)
    assert mouth[0] - eyes[0] > 20  # turned counter-clockwise, the chin points to the right
    assert abs(mouth[1] - eyes[1]) < 1


def test_it_is_done_only_if_asked() -> None:
    disc = DiscEngine(detector=UprightOnly())
    lying = ArrayCanvas(np.ascontiguousarray(np.rot90(UPRIGHT)))
    assert analyse(lying, disc.engine) == []
    assert len(analyse(lying, disc.engine, options=AnalysisOptions(any_orientation=True))) == 1


def test_a_picture_without_faces_has_none_in_any_orientation() -> None:
    assert detect_in_any_orientation(picture(), DiscDetector()) == []
