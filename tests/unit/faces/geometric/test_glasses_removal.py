import cv2
import numpy as np
from numpy.typing import NDArray
from tests.unit.faces.geometric.drawn_faces import PALE
from tests.unit.faces.geometric.test_glasses import BARE, anatomy, search, with_glasses

from steadfast.faces.geometric.glasses import Glasses
from steadfast.faces.geometric.glasses_removal import take_off
from steadfast.faces.geometric.skin import SkinColour, measure_skin, to_lab
from steadfast.media.canvas import BgrImage

HAIR = (60, 70, 80)
SKY = (230, 120, 40)


def skin_of(image: BgrImage) -> SkinColour:
    skin = measure_skin(to_lab(image), anatomy().core)
    assert skin is not None
    return skin


def removed(worn: BgrImage) -> tuple[BgrImage, NDArray[np.bool_]]:
    glasses = search(worn)
    assert glasses is not None
    return take_off(glasses, worn, skin_of(worn))


def bar_over(left: tuple[int, int, int], right: tuple[int, int, int]) -> tuple[BgrImage, Glasses, BgrImage]:
    """A frame's temple across two surfaces, the glasses as found, and the picture without it."""
    bare = np.empty((60, 120, 3), dtype=np.uint8)
    bare[:, :60], bare[:, 60:] = left, right
    worn = bare.copy()
    cv2.rectangle(worn, (10, 28), (110, 32), (15, 15, 15), -1)
    zone = np.zeros((60, 120), dtype=np.float32)
    zone[20:41, 5:116] = 1
    return worn, Glasses(frame=zone, eye_distance=60.0), bare


def test_taken_off_glasses_leave_skin() -> None:
    worn = with_glasses(BARE)
    full, _ = removed(worn)
    face = anatomy()
    rims = (worn != BARE).any(axis=2) & (face.brows < 0.1) & (face.eyes < 0.1)
    assert np.abs(full[rims].astype(int) - BARE[rims]).mean() < 15


def test_only_pixels_that_are_told_change() -> None:
    worn = with_glasses(BARE)
    full, touched = removed(worn)
    assert (full[~touched] == worn[~touched]).all()
    assert 0.005 < touched.mean() < 0.12


def test_hair_beside_a_frame_continues_as_hair_and_skin_as_skin() -> None:
    worn, glasses, bare = bar_over(PALE, HAIR)
    full, _ = take_off(glasses, worn, skin_of(BARE))
    for columns in (slice(12, 50), slice(70, 108)):
        assert np.abs(full[:, columns].astype(int) - bare[:, columns]).max() < 12


def test_a_background_of_another_colour_does_not_bleed_into_the_temple() -> None:
    worn, glasses, _ = bar_over(PALE, PALE)
    worn[34:] = SKY  # sky below the frame, skin above it
    full, _ = take_off(glasses, worn, skin_of(BARE))
    filled = full[29:32, 20:100].reshape(-1, 3).mean(axis=0)
    assert np.linalg.norm(filled - PALE) < 0.25 * np.linalg.norm(np.subtract(SKY, PALE))


def test_a_frame_before_nothing_but_background_leaves_background() -> None:
    worn, glasses, bare = bar_over(SKY, SKY)
    full, _ = take_off(glasses, worn, skin_of(BARE))
    assert np.abs(full.astype(int) - bare).max() < 12


def test_wide_dark_areas_such_as_a_hat_are_no_frame() -> None:
    worn, glasses, _ = bar_over(PALE, PALE)
    worn[:] = PALE
    worn[:32] = (15, 15, 15)
    full, touched = take_off(glasses, worn, skin_of(BARE))
    assert not touched.any()
    assert (full == worn).all()
