"""Bringing a face to the place where a network expects it: similarity transforms and aligned crops.

A template says where the five points (left eye, right eye, nose tip, left and right mouth corner, as seen in
the picture) lie in a square crop. Everything here is in pixels, (x, y), pixel centres on whole numbers.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.errors import FaceTooSmall
from steadfast.faces.face import Points
from steadfast.media.canvas import BgrImage

Transform = NDArray[np.float32]
"""2 × 3, takes (x, y, 1) of one picture to (x, y) of another."""

_SMALLEST_SPREAD_PX = 0.5  # root mean square distance from the centroid under which five points are one


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentTemplate:
    """Where a network expects the five points, whatever the size of its crop."""

    name: str  # the field's name for it
    fractions: tuple[tuple[float, float], ...]  # 5 × (x, y), as fractions of the crop's side

    def points(self, size_px: int) -> Points:
        """The five points in a crop of that side; 5 × 2 px."""
        return np.asarray(self.fractions, dtype=np.float32) * np.float32(size_px)


ARCFACE_128 = AlignmentTemplate(
    name="arcface_128",
    fractions=(
        (0.36167656, 0.40387734),
        (0.63696719, 0.40235469),
        (0.50019687, 0.56044219),
        (0.38710391, 0.72160547),
        (0.61507734, 0.72034453),
    ),
)
ARCFACE_112_V2 = AlignmentTemplate(
    name="arcface_112_v2",  # at 112 px these are the ArcFace points that MobileFaceNet was trained on, too
    fractions=(
        (0.34191607, 0.46157411),
        (0.65653393, 0.45983393),
        (0.50022500, 0.64050536),
        (0.37097589, 0.82469196),
        (0.63151696, 0.82325089),
    ),
)
FFHQ_512 = AlignmentTemplate(
    name="ffhq_512",
    fractions=(
        (0.37691676, 0.46864664),
        (0.62285697, 0.46912813),
        (0.50123859, 0.61331904),
        (0.39308822, 0.72541100),
        (0.61150205, 0.72490465),
    ),
)
MTCNN_512 = AlignmentTemplate(
    name="mtcnn_512",
    fractions=(
        (0.36562865, 0.46733799),
        (0.63305391, 0.46585885),
        (0.50019127, 0.61942959),
        (0.39032951, 0.77598822),
        (0.61178945, 0.77476328),
    ),
)


def similarity_transform(from_points: Points, to_points: Points) -> Transform:
    """The turn, scale and shift that takes one set of points nearest to the other in the least-squares sense.

    Both are N × 2, N ≥ 2; the answer is 2 × 3 and never mirrors. Umeyama (1991), in its closed form for the
    plane: with points as complex numbers about their centroids the best factor is ⟨from, to⟩ / ⟨from, from⟩.
    Raises FaceTooSmall where the points to start from coincide.
    """
    start = np.asarray(from_points, dtype=np.float64)
    goal = np.asarray(to_points, dtype=np.float64)
    start_center, goal_center = start.mean(axis=0), goal.mean(axis=0)
    z = (start - start_center) @ (1, 1j)
    w = (goal - goal_center) @ (1, 1j)
    power = float(np.vdot(z, z).real)
    if not power > len(start) * _SMALLEST_SPREAD_PX**2:  # "not >" so that NaN is refused as well
        raise FaceTooSmall("The landmarks of the face coincide; it has too few pixels to align.")
    factor = np.vdot(z, w) / power
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    shift = goal_center - linear @ start_center
    return np.column_stack((linear, shift)).astype(np.float32)


def inverse_transform(matrix: Transform) -> Transform:
    """The transform that undoes a similarity (or any invertible affine) transform; 2 × 3."""
    return np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float32)


def transform_points(matrix: Transform, points: Points) -> Points:
    """The points, N × 2, carried over by a 2 × 3 transform."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def align_crop(
    image: BgrImage, points5: Points, template: AlignmentTemplate, size_px: int
) -> tuple[BgrImage, Transform]:
    """The face turned and scaled onto the template, and the transform from picture to crop.

    The crop is `size_px` × `size_px` × 3 in the image's colour order; what lies outside the picture repeats
    its edge. Raises FaceTooSmall where the points coincide.
    """
    matrix = similarity_transform(points5, template.points(size_px))
    return warp_crop(image, matrix, size_px), matrix


def warp_crop(image: BgrImage, matrix: Transform, size_px: int) -> BgrImage:
    """The square crop a transform describes, without aliasing where it shrinks; its edge repeats outside.

    A bilinear warp looks at four pixels only, so a large face is first averaged down to between one and two
    times the crop's scale.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    factor = int(1.0 / scale) if scale > 0 else 1
    if factor >= 2:
        image, matrix = _shrink_covered(image, matrix, size_px, factor)
    # With a fourth channel OpenCV warps in two thirds of the time.
    four = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    crop = cv2.warpAffine(
        four, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGRA2BGR), dtype=np.uint8)


def _shrink_covered(
    image: BgrImage, matrix: Transform, size_px: int, factor: int
) -> tuple[BgrImage, Transform]:
    """The part of the picture under the crop, `factor` times smaller, and the transform that fits it."""
    side = np.float32(size_px - 1)
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], dtype=np.float32)
    covered = transform_points(inverse_transform(matrix), corners)
    height, width = image.shape[:2]
    lowest = np.floor(covered.min(axis=0)).astype(int) - factor
    highest = np.ceil(covered.max(axis=0)).astype(int) + factor + 1
    left, top = (int(v) for v in np.clip(lowest, 0, (width - 1, height - 1)))
    right, bottom = (int(v) for v in np.clip(highest, (left + 1, top + 1), (width, height)))
    # Averages over whole pixels are several times as fast; the margin of one factor gives the rest away.
    right, bottom = (max(a + 1, a + (b - a) // factor * factor) for a, b in ((left, right), (top, bottom)))
    part = image[top:bottom, left:right]
    size = (max(1, (right - left) // factor), max(1, (bottom - top) // factor))
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Pixel centres: x of the picture = left + (x of the small one + ½) · step − ½.
    step = np.array([(right - left) / size[0], (bottom - top) / size[1]])
    offset = np.array([left, top]) + step / 2 - 0.5
    linear = matrix[:, :2] * step
    shift = matrix[:, :2] @ offset + matrix[:, 2]
    return small, np.column_stack((linear, shift)).astype(np.float32)
