"""The size and pixel format in which frames travel from decoder to encoder, and the way there."""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from steadfast.media.colour import ColourTags, MatrixCode, RangeCode, choose_matrix
from steadfast.media.display_matrix import Orientation, blank_like, turned
from steadfast.media.pixel_layout import Arrangement, layout_of
from steadfast.media.plane_views import plane_views

_RGB_ARRANGEMENTS = (Arrangement.PACKED_RGB, Arrangement.PLANAR_RGB)
_SWSCALE_MATRIX = {
    MatrixCode.BT709: Colorspace.ITU709,
    MatrixCode.FCC: Colorspace.FCC,
    MatrixCode.SMPTE240M: Colorspace.SMPTE240M,
    MatrixCode.BT2020: Colorspace.BT2020,
    MatrixCode.BT2020_CONSTANT: Colorspace.BT2020,
}  # the rest are BT.601


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameShape:
    """What every frame of a video looks like in memory."""

    width: int  # px
    height: int  # px
    pixel_format: str  # FFmpeg's name; one that has a layout


def is_rgb(pixel_format: str) -> bool:
    """Whether the planes hold colours themselves rather than luma and differences."""
    layout = layout_of(pixel_format)
    return layout is None or layout.arrangement in _RGB_ARRANGEMENTS


def native_shape(pixel_format: str, width_px: int, height_px: int) -> FrameShape:
    """The shape a video has by itself, with the nearest format that can be touched in place."""
    touchable = pixel_format if layout_of(pixel_format) else _NEAREST.get(pixel_format, "bgr24")
    return FrameShape(width=width_px, height=height_px, pixel_format=touchable)


_NEAREST = {"pal8": "bgra", "yuyv422": "yuv422p", "uyvy422": "yuv422p", "y210le": "yuv422p10le"}


def colours_in(shape: FrameShape, source: ColourTags, source_format: str) -> ColourTags:
    """The tags of frames that were brought into `shape`: those of the source, unless RGB was coded anew."""
    if is_rgb(shape.pixel_format) or not is_rgb(source_format):
        return source
    matrix = choose_matrix(source.matrix, shape.width, shape.height)
    return ColourTags(
        primaries=source.primaries, transfer=source.transfer, matrix=matrix, range=RangeCode.LIMITED
    )


def reshaped(frame: VideoFrame, orientation: Orientation, shape: FrameShape) -> VideoFrame:
    """The frame upright and in this shape; itself, untouched, where it is so already.

    A change of format keeps matrix and range; RGB becomes YCbCr of limited range. One pixel more in width
    or height repeats the last column or row; any other change of size (streams may change theirs midway)
    is scaled.
    """
    upright = turned(_within_depth(_plain(frame)), orientation)
    if (upright.width, upright.height, upright.format.name) == (
        shape.width,
        shape.height,
        shape.pixel_format,
    ):
        return upright
    grown = (shape.width - upright.width, shape.height - upright.height)
    if grown != (0, 0) and all(0 <= more <= 1 for more in grown):
        same_size = _converted(upright, upright.width, upright.height, shape.pixel_format)
        return _padded(same_size, shape.width, shape.height)
    return _converted(upright, shape.width, shape.height, shape.pixel_format)


def _plain(frame: VideoFrame) -> VideoFrame:
    """Some decoders hand out rows from bottom to top, or formats without a layout."""
    if layout_of(frame.format.name) and all(plane.line_size > 0 for plane in frame.planes):
        return frame
    shape = native_shape(frame.format.name, frame.width, frame.height)
    if shape.pixel_format == frame.format.name:
        return _converted(
            _converted(frame, frame.width, frame.height, "yuv444p"),
            frame.width,
            frame.height,
            shape.pixel_format,
        )
    return _converted(frame, frame.width, frame.height, shape.pixel_format)


def _within_depth(frame: VideoFrame) -> VideoFrame:
    """A damaged stream leaves words in 10-bit planes that are no 10-bit samples; x264 aborts on those."""
    layout = layout_of(frame.format.name)
    if layout is None or layout.sample_bytes == 1 or layout.depth_bits + layout.shift_bits == 16:
        return frame
    top = (1 << layout.depth_bits) - 1
    if all(int(plane.max(initial=0)) <= top for plane in plane_views(frame)):
        return frame
    frame.make_writable()
    for plane in plane_views(frame):
        np.minimum(plane, top, out=plane)
    return frame


def _converted(frame: VideoFrame, width_px: int, height_px: int, pixel_format: str) -> VideoFrame:
    source_rgb, target_rgb = is_rgb(frame.format.name), is_rgb(pixel_format)
    range_ = _range_of(frame)
    matrix = choose_matrix(int(frame.colorspace), width_px, height_px)
    swscale_matrix = _SWSCALE_MATRIX.get(matrix, Colorspace.ITU601)
    converted = frame.reformat(
        width=width_px,
        height=height_px,
        format=pixel_format,
        src_colorspace=swscale_matrix,
        dst_colorspace=swscale_matrix,
        src_color_range=int(RangeCode.FULL if source_rgb else range_),
        dst_color_range=int(RangeCode.FULL if target_rgb else RangeCode.LIMITED if source_rgb else range_),
        interpolation="BICUBIC",
    )
    if source_rgb and not target_rgb:
        converted.colorspace, converted.color_range = int(matrix), int(RangeCode.LIMITED)
    else:
        # A name such as yuvj420p said the range; from now on a tag must.
        said = range_ if range_ is RangeCode.FULL else frame.color_range
        converted.colorspace, converted.color_range = frame.colorspace, int(said)
    return converted


def _range_of(frame: VideoFrame) -> RangeCode:
    layout = layout_of(frame.format.name)
    full = int(frame.color_range) == RangeCode.FULL or (layout is not None and layout.full_range)
    return RangeCode.FULL if full else RangeCode.LIMITED


def _padded(frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
    whole = blank_like(frame, width_px, height_px)
    for small, large in zip(plane_views(frame), plane_views(whole), strict=True):
        rows, columns = np.arange(large.shape[0]), np.arange(large.shape[1])
        rows, columns = np.minimum(rows, small.shape[0] - 1), np.minimum(columns, small.shape[1] - 1)
        np.copyto(large, small[rows][:, columns])
    return whole
