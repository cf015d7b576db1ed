"""Frames are brought into one shape without squeezing their range or bending their colours."""

import numpy as np
import pytest
from av.video.frame import VideoFrame
from tests.video_files import picture, picture_frame

from steadfast.media.colour import ColourTags, MatrixCode, RangeCode
from steadfast.media.display_matrix import UPRIGHT, Orientation
from steadfast.media.frame_shape import FrameShape, colours_in, native_shape, reshaped
from steadfast.media.plane_views import plane_views

SIZE = (64, 48)


def shape(pixel_format: str, size: tuple[int, int] = SIZE) -> FrameShape:
    return FrameShape(width=size[0], height=size[1], pixel_format=pixel_format)


def luma(frame: VideoFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width].astype(int)


def test_a_frame_that_has_the_shape_is_passed_on_untouched() -> None:
    frame = picture_frame(0, SIZE, "yuv420p")
    assert reshaped(frame, UPRIGHT, shape("yuv420p")) is frame


@pytest.mark.parametrize("range_", [RangeCode.LIMITED, RangeCode.FULL])
def test_a_change_of_format_keeps_the_range(range_: RangeCode) -> None:
    frame = picture_frame(0, SIZE, "yuv420p")
    frame.color_range = int(range_)
    for pixel_format in ("nv12", "yuv444p", "yuv422p"):
        changed = reshaped(frame, UPRIGHT, shape(pixel_format))
        assert changed.format.name == pixel_format
        assert changed.color_range == range_
        assert np.abs(luma(changed) - luma(frame)).max() <= 1


def test_j_formats_become_plain_ones_with_the_same_samples() -> None:
    frame = picture_frame(0, SIZE, "yuvj420p")
    changed = reshaped(frame, UPRIGHT, shape("yuv420p"))
    assert changed.format.name == "yuv420p"
    assert np.abs(luma(changed) - luma(frame)).max() <= 1
    assert changed.color_range == RangeCode.FULL


def test_rgb_becomes_the_matrix_it_is_tagged_with() -> None:
    for size, matrix in (((640, 480), MatrixCode.SMPTE170M), ((1280, 720), MatrixCode.BT709)):
        frame = VideoFrame.from_ndarray(picture(0, size), format="bgr24")
        changed = reshaped(frame, UPRIGHT, shape("yuv420p", size))
        assert changed.colorspace == matrix
        assert changed.color_range == RangeCode.LIMITED
        back = changed.reformat(
            format="bgr24",
            src_colorspace="ITU709" if matrix is MatrixCode.BT709 else "ITU601",
            src_color_range=1,
            dst_color_range=2,
        )
        assert np.abs(back.to_ndarray().astype(int) - picture(0, size)).mean() < 5
        tags = colours_in(shape("yuv420p", size), ColourTags(), "bgr24")
        assert (tags.matrix, tags.range) == (matrix, RangeCode.LIMITED)


def test_tags_of_a_video_that_keeps_its_format_are_its_own() -> None:
    tags = ColourTags(primaries=9, transfer=16, matrix=9, range=RangeCode.LIMITED)
    assert colours_in(shape("yuv420p10le"), tags, "yuv420p10le") is tags


def test_one_more_column_and_row_repeat_the_last() -> None:
    frame = picture_frame(0, (63, 47), "yuv444p")
    padded = reshaped(frame, UPRIGHT, shape("yuv444p"))
    assert (padded.width, padded.height) == SIZE
    assert np.array_equal(luma(padded)[:47, :63], luma(frame))
    assert np.array_equal(luma(padded)[:47, 63], luma(frame)[:, 62])
    assert np.array_equal(luma(padded)[47, :63], luma(frame)[46])


def test_a_frame_of_another_size_is_scaled() -> None:
    changed = reshaped(picture_frame(0, (128, 96), "yuv420p"), UPRIGHT, shape("yuv420p"))
    assert (changed.width, changed.height) == SIZE


def test_a_turned_frame_has_the_shape_of_what_is_seen() -> None:
    frame = picture_frame(0, SIZE, "yuv420p")
    changed = reshaped(frame, Orientation(transpose=True), shape("yuv420p", (48, 64)))
    assert (changed.width, changed.height) == (48, 64)


@pytest.mark.parametrize(
    ("pixel_format", "touchable"),
    [
        ("yuyv422", "yuv422p"),
        ("uyvy422", "yuv422p"),
        ("pal8", "bgra"),
        ("yuv420p", "yuv420p"),
        ("rgb565le", "bgr24"),
    ],
)
def test_formats_without_a_layout_have_a_near_one(pixel_format: str, touchable: str) -> None:
    assert native_shape(pixel_format, 64, 48).pixel_format == touchable


def test_a_packed_format_is_unpacked() -> None:
    frame = picture_frame(0, SIZE, "yuyv422")
    changed = reshaped(frame, UPRIGHT, shape("yuv422p"))
    assert changed.format.name == "yuv422p"
    assert np.abs(changed.to_ndarray(format="bgr24").astype(int) - picture(0, SIZE)).mean() < 12


def test_words_that_are_no_samples_of_their_depth_are_bounded_because_x264_aborts_on_them() -> None:
    frame = VideoFrame(64, 48, "yuv420p10le")
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint16)[:] = 65_000
    bounded = reshaped(frame, UPRIGHT, shape("yuv420p10le"))
    assert all(view.max() == 1023 for view in plane_views(bounded))
    good = picture_frame(0, SIZE, "yuv420p10le")
    before = [bytes(plane) for plane in good.planes]
    assert [bytes(plane) for plane in reshaped(good, UPRIGHT, shape("yuv420p10le")).planes] == before
