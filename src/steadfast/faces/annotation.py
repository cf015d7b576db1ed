"""Faces drawn onto a copy of their picture: boxes, numbers, features, the way they look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from steadfast.faces.face import Box, Face, Points
from steadfast.faces.topology import PARTS, FaceParts, Indices
from steadfast.media.canvas import BgrImage

Colour = tuple[int, int, int]
"""Blue, green, red."""

_COLOURS: tuple[Colour, ...] = (
    (80, 200, 255),
    (255, 190, 80),
    (150, 230, 120),
    (190, 140, 255),
    (120, 220, 240),
    (240, 150, 200),
)
_WHITE: Colour = (255, 255, 255)
_DARK: Colour = (25, 25, 25)
_SMALLEST_SIDE_PX = 600  # shorter side; smaller pictures are enlarged first: a number needs pixels to be read
_MOST_ENLARGED = 8
_STROKE_SHARE = 1 / 400  # of the picture's shorter side
_TEXT_SHARE = 1 / 24
_CORNER_SHARE = 0.22  # of the box's shorter side: how long the legs of a frame's corners are
_ARROW_SHARE = 0.7  # of the box's width, for a face seen from the side
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pen:
    """Where and how thick a face is drawn on the enlarged picture."""

    image: NDArray[np.uint8]
    factor: int  # drawn px per picture px
    stroke_px: float

    def placed(self, points: Points) -> Points:
        """Points of the picture on the drawing; pixel centres lie on whole numbers in both."""
        return np.asarray((points + 0.5) * self.factor - 0.5, dtype=np.float32)

    def line(self, points: Points, colour: Colour, share: float, *, is_closed: bool) -> None:
        """A smooth line over a dark one, so that it is seen on skin and on snow."""
        fixed = [np.round(self.placed(points) * (1 << _SUBPIXEL_BITS)).astype(np.int32)]
        inner = max(1, round(self.stroke_px * share))
        for tint, width in ((_DARK, inner + max(1, round(self.stroke_px * share * 0.9))), (colour, inner)):
            cv2.polylines(self.image, fixed, is_closed, tint, width, cv2.LINE_AA, _SUBPIXEL_BITS)

    def dot(self, point: Points, colour: Colour, share: float) -> None:
        """A filled circle with a dark rim."""
        x, y = (round(float(v) * (1 << _SUBPIXEL_BITS)) for v in self.placed(point))
        for tint, radius in ((_DARK, self.stroke_px * share * 1.45), (colour, self.stroke_px * share)):
            fixed = round(radius * (1 << _SUBPIXEL_BITS))
            cv2.circle(self.image, (x, y), fixed, tint, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def annotated(image: BgrImage, faces: Sequence[Face]) -> BgrImage:
    """A copy with every face framed and numbered, its features traced and its direction shown.

    Strokes and numbers grow with the picture but stay thin enough for a small face. A picture whose shorter
    side is under 600 px is enlarged by a whole factor, at most 8, first.
    """
    factor = min(_MOST_ENLARGED, -(-_SMALLEST_SIDE_PX // min(image.shape[:2])))
    drawn = _enlarged(image, factor)
    for index, face in enumerate(faces):
        pen = _Pen(image=drawn, factor=factor, stroke_px=_stroke_px(drawn, face, factor))
        _draw_features(pen, face)
        _draw_direction(pen, face)
        _draw_frame(pen, face, _COLOURS[index % len(_COLOURS)])
    taken: list[Box] = []
    for index, face in enumerate(faces):
        taken.append(_draw_number(drawn, face, factor, index, taken))
    return drawn


def _enlarged(image: BgrImage, factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return image.copy()
    size = (image.shape[1] * factor, image.shape[0] * factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _stroke_px(image: BgrImage, face: Face, factor: int) -> float:
    by_picture = float(min(image.shape[:2])) * _STROKE_SHARE
    by_face = face.box.width * factor / 50
    return max(1.0, min(by_picture, by_face))


def _draw_features(pen: _Pen, face: Face) -> None:
    for indices, is_closed in _feature_lines(PARTS.get(face.landmarks.topology)):
        pen.line(face.landmarks.points[list(indices)], _WHITE, 0.5, is_closed=is_closed)
    for point in face.points5:
        pen.dot(point, _WHITE, 1.4)


def _feature_lines(parts: FaceParts | None) -> Iterator[tuple[Indices, bool]]:
    if parts is None:
        return
    yield parts.oval, parts.oval_is_closed
    for brow in (parts.left_brow, parts.right_brow):
        yield brow, parts.oval_is_closed  # the mesh traces a brow around, the iBUG scheme along its top
    for closed in (parts.left_eye, parts.right_eye, parts.lips_outer, parts.lips_inner):
        yield closed, True
    yield parts.nose_bridge, False
    yield parts.nose_base, False


def _draw_direction(pen: _Pen, face: Face) -> None:
    """A line from the tip of the nose to where the face looks; none where it looks at the camera."""
    yaw, pitch = np.radians(face.pose.yaw_deg), np.radians(face.pose.pitch_deg)
    reach = face.box.width * _ARROW_SHARE * np.array([np.sin(yaw), -np.sin(pitch)], dtype=np.float32)
    nose = face.points5[2]
    pen.line(np.stack((nose, nose + reach)).astype(np.float32), _COLOURS[0], 1.0, is_closed=False)
    pen.dot(np.asarray(nose + reach, dtype=np.float32), _COLOURS[0], 1.8)


def _draw_frame(pen: _Pen, face: Face, colour: Colour) -> None:
    """The four corners of the box: the whole of it would cut through the picture."""
    box = face.box
    leg = _CORNER_SHARE * min(box.width, box.height)
    for x, inwards in ((box.left, leg), (box.right, -leg)):
        for y, downwards in ((box.top, leg), (box.bottom, -leg)):
            corner = np.array([[x + inwards, y], [x, y], [x, y + downwards]], dtype=np.float32)
            pen.line(corner, colour, 1.6, is_closed=False)


def _draw_number(image: NDArray[np.uint8], face: Face, factor: int, index: int, taken: Sequence[Box]) -> Box:
    """Puts the face's number on the drawing and answers where."""
    tag = _number_tag(index, max(11.0, min(image.shape[:2]) * _TEXT_SHARE), _COLOURS[index % len(_COLOURS)])
    height, width = tag.shape[:2]
    place = _free_place(image, face, factor, (width, height), taken)
    left, top = round(place.left), round(place.top)
    target = image[top : top + height, left : left + width]
    target[:] = tag[: target.shape[0], : target.shape[1]]
    return place


def _free_place(image: BgrImage, face: Face, factor: int, size: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Above the frame, else in it, else below it: the first that is inside the picture and free."""
    (width, height), box = size, face.box
    gap = height // 5
    left = min(max(0.0, box.left * factor), max(0.0, image.shape[1] - width))
    tops = (box.top * factor - height - gap, box.top * factor + gap, box.bottom * factor + gap)
    lowest = max(0.0, image.shape[0] - height)
    places = [Box(left=left, top=t, right=left + width, bottom=t + height) for t in tops if 0 <= t <= lowest]
    free = [place for place in places if not any(_overlap(place, other) for other in taken)]
    fallback = Box(left=left, top=0.0, right=left + width, bottom=float(height))
    return next(iter(free or places), fallback)


def _overlap(one: Box, other: Box) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    return across > 0 and min(one.bottom, other.bottom) > max(one.top, other.top)


def _number_tag(index: int, text_px: float, colour: Colour) -> NDArray[np.uint8]:
    """Dark digits on a plate of the face's colour."""
    font = ImageFont.load_default(size=text_px)
    left, top, right, bottom = font.getbbox(str(index))
    margin = text_px * 0.3
    height = round(text_px + margin)
    size = (max(height, round(right - left + 2 * margin)), height)
    plate = Image.new("RGB", size, colour[::-1])
    middle = ((size[0] - right - left) / 2, (size[1] - bottom - top) / 2)
    ImageDraw.Draw(plate).text(middle, str(index), font=font, fill=_DARK[::-1])
    return np.asarray(plate, dtype=np.uint8)[..., ::-1]
