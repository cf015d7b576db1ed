"""How a face moved from one frame to the next, measured on its pixels.

Landmark networks look at one frame and err by a tenth of a pixel each time, which is seen as trembling. The
optical flow of a few dozen points (Lucas & Kanade 1981, in Bouguet's pyramid) compares two frames directly
and finds the motion of the head ten times more exactly, without ever lagging.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.alignment import Transform
from steadfast.faces.face import Box, Points
from steadfast.media.canvas import BgrImage, GreyImage, Region

REGION_GRID_PX = 4
"""Regions start at multiples of this, so that two of them can be compared after they were made smaller."""

_WIDEST_FACE_PX = 160.0  # wider faces are looked at in half or quarter size
_MIN_INLIERS = 0.5  # share of the points that must agree on one motion
_SPREADS_PX = (1.5, 0.6, 0.3)  # how near a point must come to the motion to count half, round by round
_LARGEST_RESIZE = 0.2  # logarithm of the size; a head does not come nearer by a fifth within a frame


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Glimpse:
    """A grey look at a region."""

    grey: GreyImage
    left: int  # of the region, in its own small pixels
    top: int
    step: int  # picture px per px of `grey`


class FaceFlow:
    """Follows one face; give it every frame in order."""

    def __init__(self) -> None:
        self._before: _Glimpse | None = None

    def restart(self) -> None:
        """Forgets the frame before."""
        self._before = None

    def measure(self, pixels: BgrImage, region: Region, face: Box) -> Transform | None:
        """The similarity transform (2 × 3, picture px) that takes the face of the last frame to this one.

        `face` is its box in the last frame. None for the first frame and where the pixels do not agree on one
        motion.
        """
        before, self._before = self._before, _glimpse(pixels, region, face)
        if before is None or before.step != self._before.step:
            return None
        pair = _overlap(before, self._before)
        if pair is None:
            return None
        first, second, left, top = pair
        start = (_grid(face) + 0.5) / before.step - 0.5 - np.array((left, top), dtype=np.float32)
        moved = _flow(first, second, start.astype(np.float32))
        return None if moved is None else _in_picture(moved, left, top, before.step)


def snap(box: Box, width_px: int, height_px: int) -> Region:
    """The box as a region that starts and ends on the grid, as far as the picture reaches."""
    inside = box.clipped(width_px, height_px)
    grid = REGION_GRID_PX
    return Region(
        left=inside.left // grid * grid,
        top=inside.top // grid * grid,
        right=min(-(-inside.right // grid) * grid, width_px),
        bottom=min(-(-inside.bottom // grid) * grid, height_px),
    )


def _glimpse(pixels: BgrImage, region: Region, face: Box) -> _Glimpse:
    step = 1
    while face.width / step > _WIDEST_FACE_PX and step < REGION_GRID_PX:
        step *= 2
    if step > 1:
        height, width = (side // step * step for side in pixels.shape[:2])
        size = (max(1, width // step), max(1, height // step))
        pixels = np.asarray(
            cv2.resize(pixels[: max(height, 1), : max(width, 1)], size, interpolation=cv2.INTER_AREA),
            dtype=np.uint8,
        )
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return _Glimpse(grey=grey, left=region.left // step, top=region.top // step, step=step)


def _overlap(before: _Glimpse, now: _Glimpse) -> tuple[GreyImage, GreyImage, int, int] | None:
    """The part both show, twice, and where it starts."""
    left, top = max(before.left, now.left), max(before.top, now.top)
    right = min(before.left + before.grey.shape[1], now.left + now.grey.shape[1])
    bottom = min(before.top + before.grey.shape[0], now.top + now.grey.shape[0])
    if right - left < 16 or bottom - top < 16:
        return None
    parts = [
        np.ascontiguousarray(g.grey[top - g.top : bottom - g.top, left - g.left : right - g.left])
        for g in (before, now)
    ]
    return parts[0], parts[1], left, top


def _oval_grid() -> NDArray[np.float32]:
    """About fifty points spread over the unit circle."""
    across, down = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    inside = across**2 + down**2 <= 1.01
    return np.stack((across[inside], down[inside]), axis=1).astype(np.float32)


_OVAL_GRID = _oval_grid()
_OVAL_SHARE = 0.42  # of the sides of the box: half the oval of a face, less its rim


def _grid(face: Box) -> Points:
    """Points spread over the oval of the face; N × 2 px."""
    sides = np.array((face.width, face.height), dtype=np.float32) * np.float32(_OVAL_SHARE)
    return _OVAL_GRID * sides + np.array(face.center, dtype=np.float32)


def _flow(first: GreyImage, second: GreyImage, start: Points) -> NDArray[np.complex128] | None:
    """Factor and shift, as complex numbers, that the points agree on."""
    end, found, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        start,
        np.empty_like(start),
        winSize=(15, 15),
        maxLevel=2,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03),
    )
    seen = found[:, 0] == 1
    if seen.sum() < len(start) * _MIN_INLIERS:
        return None
    return _agree(start[seen] @ np.array((1, 1j)), end[seen] @ np.array((1, 1j)), len(start))


def _agree(
    start: NDArray[np.complex128], end: NDArray[np.complex128], asked: int
) -> NDArray[np.complex128] | None:
    """Iteratively re-weighted least squares with Cauchy weights, from the median shift on."""
    shift = end - start
    missed = np.abs(shift - complex(np.median(shift.real), np.median(shift.imag)))
    factor, a, b = 1 + 0j, 0j, 0j
    for spread in _SPREADS_PX:
        weights = 1 / (1 + (missed / spread) ** 2)
        weights /= weights.sum()
        a, b = complex(weights @ start), complex(weights @ end)
        centred = start - a
        spread_of_start = max(float(weights @ np.abs(centred) ** 2), 1e-9)
        factor = complex(np.vdot(centred, weights * (end - b))) / spread_of_start
        missed = np.abs(factor * centred + b - end)
    inliers = np.count_nonzero(missed < 3 * _SPREADS_PX[-1])
    if inliers < asked * _MIN_INLIERS or abs(np.log(max(abs(factor), 1e-9))) > _LARGEST_RESIZE:
        return None
    return np.array((factor, b - factor * a))


def _in_picture(motion: NDArray[np.complex128], left: int, top: int, step: int) -> Transform:
    """The motion in the picture's pixels: x of the picture = (small x + left + ½) · step − ½."""
    factor, origin = complex(motion[0]), complex(motion[1])
    zero = complex((left + 0.5) * step - 0.5, (top + 0.5) * step - 0.5)
    shift = origin * step + zero - factor * zero
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]], dtype=np.float32
    )
