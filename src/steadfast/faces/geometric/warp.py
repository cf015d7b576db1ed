"""The dense map from a target face to a source face: one affine map per triangle, evaluated on a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.mesh import Triangles

IdMap = NDArray[np.int32]
"""Height × width: the number of the triangle seen at each grid point, −1 where there is none."""

Field = NDArray[np.float32]
"""Height × width × 2: (x, y) in another picture for each grid point."""

_SMALLEST_AREA = 1e-3  # px² (twice the area): below it a triangle is a line and has no inverse
_MOST_COVER = 12  # triangles over each other: a face covers the grid once or twice, scrambled points hundreds
_EDGE_TOLERANCE = 1e-3  # px: neighbours overlap by this much so that no grid point falls between them
_LEVEL = 1e-5  # px: an edge that rises by less bounds no row of grid points
_FAR = np.float32(1e6)  # px


@dataclass(frozen=True, kw_only=True, slots=True)
class GridSize:
    """Points of a grid."""

    width: int
    height: int


def rasterise(
    points: Points, triangles: Triangles, size: GridSize, depth: NDArray[np.float32] | None
) -> IdMap:
    """Which triangle is seen at every whole grid point.

    Triangles seen from behind or without area are left out; where two overlap, the nearer one wins (`depth`,
    M, smaller is nearer), or the later one without depth. Points that are no face (every triangle across the
    whole grid) draw nothing, so that they cost no memory.
    """
    ids = np.full(size.width * size.height, -1, dtype=np.int32)
    corners = _corners(points, triangles)
    x, y = corners - corners[:, :1]
    visible = np.flatnonzero(x[1] * y[2] - y[1] * x[2] > _SMALLEST_AREA)
    if depth is not None:
        distance = np.take(depth, np.take(triangles.T, visible, axis=1)).sum(axis=0)
        visible = np.take(visible, np.argsort(-distance, kind="stable"))
    corners = np.take(corners, visible, axis=2)
    owner, row = _rows_of(corners[1], size.height)
    if len(owner):
        first, last = _spans_of(corners, owner, row.astype(np.float32), size.width)
        lengths = np.maximum(last - first + 1, 0)
        ends = np.cumsum(lengths)
        if 0 < ends[-1] <= _MOST_COVER * len(ids):
            places = np.arange(ends[-1]) + np.repeat(row * size.width + first - ends + lengths, lengths)
            # Fancy assignment keeps the last value where a grid point repeats: the painter's order.
            ids[places] = np.repeat(np.take(visible, owner), lengths)
    return ids.reshape(size.height, size.width)


def _corners(points: Points, triangles: Triangles) -> NDArray[np.float32]:
    """The corners of every triangle, (x, y) × 3 × T; `take` is several times faster than `[]` here."""
    return np.take(points.T.astype(np.float32), triangles.T, axis=1)


def _rows_of(heights: NDArray[np.float32], rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every row of grid points that every triangle meets: the triangle's number and the row, R each."""
    top = np.ceil(np.maximum(heights.min(axis=0), 0)).astype(np.intp)
    bottom = np.floor(np.minimum(heights.max(axis=0), rows - 1)).astype(np.intp)
    counts = np.maximum(bottom - top + 1, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) + np.repeat(top - np.cumsum(counts) + counts, counts)


def _spans_of(
    corners: NDArray[np.float32], owner: NDArray[np.intp], y: NDArray[np.float32], width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last grid point of each row inside its triangle; none if the last comes before the first."""
    x, high = corners
    rise = high[[1, 2, 0]] - high
    is_level = np.abs(rise) < _LEVEL
    slope = np.where(is_level, 0, (x[[1, 2, 0]] - x) / np.where(is_level, 1, rise))
    origin = x - slope * high
    # Triangles turn clockwise on screen: an edge that goes up bounds them on the left, one down on the right.
    left, right = np.full(len(y), -_FAR), np.full(len(y), _FAR)
    for edge in range(3):
        crossing = np.take(slope[edge], owner) * y + np.take(origin[edge], owner)
        np.minimum(right, crossing, out=right, where=np.take(rise[edge] > _LEVEL, owner))
        np.maximum(left, crossing, out=left, where=np.take(rise[edge] < -_LEVEL, owner))
    first = np.ceil(np.maximum(left - _EDGE_TOLERANCE, 0)).astype(np.intp)
    last = np.floor(np.minimum(right + _EDGE_TOLERANCE, width - 1)).astype(np.intp)
    return first, last


def affine_per_triangle(start: Points, end: Points, triangles: Triangles) -> NDArray[np.float32]:
    """The affine map of every triangle from `start` to `end`, 6 × T: the rows of a 2 × 3 matrix.

    Zeros where a triangle has no inverse.
    """
    here, there = _corners(start, triangles), _corners(end, triangles)
    (ux, uy), (vx, vy) = here[:, 1] - here[:, 0], here[:, 2] - here[:, 0]
    p, q = there[:, 1] - there[:, 0], there[:, 2] - there[:, 0]
    area = ux * vy - uy * vx
    scale = np.where(np.abs(area) > _SMALLEST_AREA, 1 / np.where(area == 0, 1, area), 0)
    maps = np.empty((2, 3, triangles.shape[0]), dtype=np.float32)
    maps[:, 0] = (p * vy - q * uy) * scale
    maps[:, 1] = (q * ux - p * vx) * scale
    maps[:, 2] = there[:, 0] - maps[:, 0] * here[0, 0] - maps[:, 1] * here[1, 0]
    return maps.reshape(6, -1)


def dense_map(start: Points, end: Points, triangles: Triangles, ids: IdMap) -> Field:
    """Where every grid point of `start`'s picture lies in `end`'s: exact inside the mesh, affine outside."""
    height, width = ids.shape
    # Outside, where nothing of the mesh is seen, one triangle that spans it all is good enough.
    widest = [[start[:, 0].argmin(), start[:, 0].argmax(), start[:, 1].argmax()]]
    maps = affine_per_triangle(start, end, np.concatenate((triangles, widest)))
    each = np.take(maps, ids, axis=1)  # id −1 takes the last one
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    field = np.empty((height, width, 2), dtype=np.float32)
    for axis, first in enumerate((0, 3)):
        each[first] *= x
        each[first + 1] *= y
        each[first] += each[first + 1]
        np.add(each[first], each[first + 2], out=field[..., axis])
    return field


def fit_affine(start: Points, end: Points) -> NDArray[np.float32]:
    """The affine map, 2 × 3, that brings `start` nearest to `end` (least squares; a shift if all are one)."""
    middle, goal = start.mean(axis=0, dtype=np.float64), end.mean(axis=0, dtype=np.float64)
    spread = start - middle
    around = spread.T @ spread
    (xx, xy), (_, yy) = around
    determinant = xx * yy - xy * xy
    # In closed form: a pseudo-inverse costs more than all triangles together. It is for points on one line.
    if determinant > 1e-9 * (xx + yy) ** 2:
        inverse = np.array([[yy, -xy], [-xy, xx]]) / determinant
    else:
        inverse = np.linalg.pinv(around)
    linear = (inverse @ (spread.T @ (end - goal))).T
    return np.column_stack((linear, goal - linear @ middle)).astype(np.float32)
