"""Every way of holding a camera ends upright, in every kind of plane."""

from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from tests.video_files import picture

from steadfast.media.display_matrix import UPRIGHT, Orientation, orientation_of_matrix, turned

ONE = 1 << 16
SIZE = (64, 48)


def matrix(x_from_x: int, y_from_x: int, x_from_y: int, y_from_y: int) -> tuple[int, ...]:
    return (x_from_x * ONE, y_from_x * ONE, 0, x_from_y * ONE, y_from_y * ONE, 0, 0, 0, 1 << 30)


def displayed(stored: NDArray[np.uint8], values: tuple[int, ...]) -> NDArray[np.uint8]:
    """The picture by the definition: each stored pixel is carried to where the matrix says."""
    linear = np.array([[values[0], values[3]], [values[1], values[4]]]) // ONE
    down, across = np.indices(stored.shape[:2])
    places = np.stack([across, down], axis=-1) @ linear.T
    places -= places.min(axis=(0, 1))
    shown = np.zeros((places[..., 1].max() + 1, places[..., 0].max() + 1, 3), np.uint8)
    shown[places[..., 1], places[..., 0]] = stored
    return shown


EIGHT = [
    matrix(1, 0, 0, 1),
    matrix(-1, 0, 0, 1),
    matrix(1, 0, 0, -1),
    matrix(-1, 0, 0, -1),
    matrix(0, 1, 1, 0),
    matrix(0, -1, 1, 0),
    matrix(0, 1, -1, 0),
    matrix(0, -1, -1, 0),
]


@pytest.mark.parametrize("values", EIGHT)
def test_each_of_the_eight_orientations_shows_what_the_matrix_defines(values: tuple[int, ...]) -> None:
    stored = picture(3, SIZE)
    upright = turned(VideoFrame.from_ndarray(stored, format="bgr24"), orientation_of_matrix(values))
    assert np.array_equal(upright.to_ndarray(format="bgr24"), displayed(stored, values))


@pytest.mark.parametrize("values", EIGHT)
@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "nv12", "yuv444p", "yuv420p10le", "p010le", "bgra", "gray"]
)
def test_every_plane_turns_with_the_others(pixel_format: str, values: tuple[int, ...]) -> None:
    frame = VideoFrame.from_ndarray(picture(3, SIZE), format="bgr24").reformat(format=pixel_format)
    plain = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8).copy()
    shown = turned(frame, orientation_of_matrix(values)).to_ndarray(format="bgr24").astype(int)
    # Chroma is resampled by the reference, so edges of colour may differ a little.
    assert np.abs(shown - displayed(plain, values)).mean() < 3


@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuvj422p", "yuv422p10le", "yuv411p", "nv16"])
def test_chroma_that_is_halved_one_way_is_made_square_before_it_turns(pixel_format: str) -> None:
    frame = VideoFrame.from_ndarray(picture(3, SIZE), format="bgr24").reformat(format=pixel_format)
    upright = turned(frame, Orientation(transpose=True, flip_y=True))
    assert (upright.width, upright.height) == (48, 64)
    shown = upright.to_ndarray(format="bgr24").astype(int)
    assert np.abs(shown - np.rot90(picture(3, SIZE))).mean() < 10


def test_times_and_tags_turn_along() -> None:
    frame = VideoFrame.from_ndarray(picture(0, SIZE), format="bgr24").reformat(format="yuv420p")
    frame.pts, frame.time_base = 7, Fraction(1, 30)
    frame.colorspace, frame.color_range, frame.color_trc = 9, 1, 16
    upright = turned(frame, Orientation(flip_x=True))
    assert (upright.pts, upright.time_base) == (7, Fraction(1, 30))
    assert (upright.colorspace, upright.color_range, upright.color_trc) == (9, 1, 16)


def test_an_upright_frame_is_not_copied() -> None:
    frame = VideoFrame(8, 8, "yuv420p")
    assert turned(frame, UPRIGHT) is frame


def test_an_angle_that_is_not_right_is_left_alone() -> None:
    tilted = (46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)
    assert orientation_of_matrix(tilted) == UPRIGHT
    assert orientation_of_matrix((0,) * 9) == UPRIGHT
