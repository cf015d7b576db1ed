"""Turns frames upright: the display matrix of a video's header says how the camera was held.

The matrix is ISO 14496-12's: its upper left 2 × 2 maps stored (x, y) to displayed (x, y) in 16.16 fixed
point, y downwards. Only the eight turns and mirrorings by right angles are applied.
"""

import re
import struct
from dataclasses import dataclass
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from steadfast.media.plane_views import plane_views


@dataclass(frozen=True, kw_only=True, slots=True)
class Orientation:
    """What is done to stored rows and columns, in this order, to see a picture upright."""

    transpose: bool = False  # rows become columns
    flip_x: bool = False  # then left and right change places
    flip_y: bool = False  # then top and bottom change places

    @property
    def is_upright(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.transpose or self.flip_x or self.flip_y)


UPRIGHT = Orientation()


def orientation_of(frame: VideoFrame) -> Orientation:
    """The orientation that the frame's own side data asks for."""
    side_data = cast(SideDataContainer, frame.side_data)  # its stub knows motion vectors only
    for entry in side_data:
        if entry.type == SideDataType.DISPLAYMATRIX:
            return orientation_of_matrix(struct.unpack("9i", bytes(entry)[:36]))
    return UPRIGHT


def orientation_of_matrix(matrix: tuple[int, ...]) -> Orientation:
    """The orientation of a display matrix (9 numbers); upright for angles that are not right."""
    x_from_x, y_from_x, _, x_from_y, y_from_y = matrix[:5]
    straight, crossed = x_from_x and y_from_y, x_from_y and y_from_x
    if straight and not (x_from_y or y_from_x):
        return Orientation(flip_x=x_from_x < 0, flip_y=y_from_y < 0)
    if crossed and not (x_from_x or y_from_y):
        return Orientation(transpose=True, flip_x=x_from_y < 0, flip_y=y_from_x < 0)
    return UPRIGHT


def turned(frame: VideoFrame, orientation: Orientation) -> VideoFrame:
    """A new frame, upright, with the same colours and times; the frame itself if it is upright already."""
    if orientation.is_upright:
        return frame
    pixel_format = square_chroma_format(frame.format.name) if orientation.transpose else frame.format.name
    if pixel_format != frame.format.name:
        range_ = int(frame.color_range)
        frame = frame.reformat(format=pixel_format, src_color_range=range_, dst_color_range=range_)
    size = (frame.height, frame.width) if orientation.transpose else (frame.width, frame.height)
    upright = blank_like(frame, *size)
    for stored, shown in zip(plane_views(frame), plane_views(upright), strict=True):
        source = stored.swapaxes(0, 1) if orientation.transpose else stored
        step_y, step_x = -1 if orientation.flip_y else 1, -1 if orientation.flip_x else 1
        np.copyto(shown, source[::step_y, ::step_x])
    return upright


def blank_like(frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
    """A frame of another size with this one's format, colour tags and times; its planes hold anything."""
    blank = VideoFrame(width_px, height_px, frame.format.name)
    blank.pts, blank.duration = frame.pts, frame.duration
    if frame.time_base is not None:
        blank.time_base = frame.time_base
    blank.colorspace, blank.color_range = frame.colorspace, frame.color_range
    blank.color_primaries, blank.color_trc = frame.color_primaries, frame.color_trc
    return blank


def square_chroma_format(pixel_format: str) -> str:
    """The format to turn by a right angle in: chroma halved in one direction only cannot be transposed."""
    if match := re.fullmatch(r"(yuva?j?)(?:422|440|411|410)(p.*)", pixel_format):
        return f"{match[1]}444{match[2]}"
    return {"nv16": "nv24", "p210le": "yuv444p10le"}.get(pixel_format, pixel_format)
