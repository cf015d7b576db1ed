"""The motion of a face is measured to a few hundredths of a pixel."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.faces.face import Box
from steadfast.faces.motion import REGION_GRID_PX, FaceFlow, snap
from steadfast.media.canvas import BgrImage, Region

FACE = Box(left=250, top=150, right=350, bottom=270)


def texture(seed: int = 3) -> BgrImage:
    rough = np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(rough, (0, 0), 3).astype(np.float32)
    return np.clip((soft - 127) * 5 + 127, 0, 255).astype(np.uint8)


def similarity(turn_deg: float, scale: float, x: float, y: float) -> NDArray[np.float64]:
    """About the middle of FACE, then shifted."""
    matrix = np.asarray(cv2.getRotationMatrix2D(FACE.center, -turn_deg, scale), dtype=np.float64)
    matrix[:, 2] += (x, y)
    return matrix


def measure(
    true: NDArray[np.float64], *, face: Box = FACE, image: BgrImage | None = None
) -> NDArray[np.float32] | None:
    first = texture() if image is None else image
    second = np.asarray(cv2.warpAffine(first, true, (first.shape[1], first.shape[0])), dtype=np.uint8)
    flow = FaceFlow()
    region = snap(face.grown(2.0), first.shape[1], first.shape[0])
    shifted = snap(
        Box(left=region.left + 5, top=region.top - 3, right=region.right + 5, bottom=region.bottom - 3),
        first.shape[1],
        first.shape[0],
    )
    assert flow.measure(cut(first, region), region, face) is None
    return flow.measure(cut(second, shifted), shifted, face)


def cut(image: BgrImage, region: Region) -> BgrImage:
    return image[region.top : region.bottom, region.left : region.right]


@pytest.mark.parametrize(
    "true",
    [similarity(0, 1, 0, 0), similarity(0, 1, 3.3, -1.7), similarity(2, 1, 0, 0), similarity(-1, 1.02, 6, 4)],
)
def test_shift_turn_and_growth_are_found_in_the_pictures_own_pixels(true: NDArray[np.float64]) -> None:
    found = measure(true)
    assert found is not None
    corners = np.array([(FACE.left, FACE.top, 1), (FACE.right, FACE.bottom, 1)])
    np.testing.assert_allclose(corners @ found.T, corners @ true.T, atol=0.1)


def test_a_large_face_is_looked_at_smaller_and_found_as_exactly() -> None:
    large = np.asarray(cv2.resize(texture(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    face = Box(left=600, top=350, right=1100, bottom=1000)
    true = np.array([[1, 0, 4.5], [0, 1, -2.25]])
    found = measure(true, face=face, image=large)
    assert found is not None
    np.testing.assert_allclose(found[:, 2] + found[:, :2] @ (850, 675) - (850, 675), (4.5, -2.25), atol=0.2)


def test_pixels_that_share_no_motion_give_no_answer() -> None:
    flow = FaceFlow()
    region = snap(FACE.grown(2.0), 640, 480)
    assert flow.measure(cut(texture(1), region), region, FACE) is None
    assert flow.measure(cut(texture(2), region), region, FACE) is None


def test_a_hand_over_a_third_of_the_face_does_not_carry_it_along() -> None:
    first = texture()
    second = np.roll(first, 2, axis=1)
    second[230:300, 240:360] = np.roll(texture(8), 9, axis=0)[230:300, 240:360]
    flow = FaceFlow()
    region = snap(FACE.grown(2.0), 640, 480)
    flow.measure(cut(first, region), region, FACE)
    found = flow.measure(cut(second, region), region, FACE)
    assert found is not None
    np.testing.assert_allclose(found @ (*FACE.center, 1) - FACE.center, (2, 0), atol=0.1)


def test_after_a_restart_there_is_nothing_to_compare_with() -> None:
    flow = FaceFlow()
    region = snap(FACE.grown(2.0), 640, 480)
    flow.measure(cut(texture(), region), region, FACE)
    flow.restart()
    assert flow.measure(cut(texture(), region), region, FACE) is None


def test_regions_that_hardly_overlap_give_no_answer() -> None:
    flow = FaceFlow()
    near, far = Region(left=0, top=0, right=100, bottom=100), Region(left=96, top=0, right=200, bottom=100)
    flow.measure(cut(texture(), near), near, FACE)
    assert flow.measure(cut(texture(), far), far, FACE) is None


def test_regions_start_on_the_grid_and_stay_inside_the_picture() -> None:
    region = snap(Box(left=-5, top=7.5, right=637.2, bottom=900), 639, 481)
    assert (region.left, region.top) == (0, 4)
    assert (region.right, region.bottom) == (639, 481)
    inner = snap(Box(left=13, top=14, right=33, bottom=34), 640, 480)
    assert {inner.left % REGION_GRID_PX, inner.right % REGION_GRID_PX} == {0}
    assert inner.left <= 13
    assert inner.right >= 33
