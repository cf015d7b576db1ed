"""The dense map from a target face to a source face: one affine map per triangle, evaluated on a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.mesh import Triangles, signed_areas

IdMap = NDArray[np.int32]
"""Height × width: the number of the triangle seen at each grid point, −1 where there is none."""

Field = NDArray[np.float32]
"""Height × width × 2: (x, y) in another picture for each grid point."""

_SMALLEST_AREA = 1e-3  # px² (twice the area): below it a triangle is a line and has no inverse
_MOST_COVER = 24  # bounding boxes over the grid: a face covers it three times, scrambled points hundreds
_EDGE_TOLERANCE = 1e-4  # neighbours overlap by this much so that no grid point falls between them


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
    visible = np.flatnonzero(signed_areas(points, triangles) > _SMALLEST_AREA)
    if depth is not None:
        visible = visible[np.argsort(-depth[triangles[visible]].mean(axis=1), kind="stable")]
    corners = points[triangles[visible]]  # V × 3 × 2
    first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
    least = np.minimum(np.minimum(first, second), third)
    most = np.maximum(np.maximum(first, second), third)
    low = np.maximum(np.ceil(least), 0).astype(np.int64)
    high = np.minimum(np.floor(most), (size.width - 1, size.height - 1)).astype(np.int64)
    spans = np.maximum(high - low + 1, 0)
    counts = spans[:, 0] * spans[:, 1]
    total = int(counts.sum())
    if total == 0 or total > _MOST_COVER * len(ids):
        return ids.reshape(size.height, size.width)
    owner = np.repeat(np.arange(len(visible)), counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows, columns = np.divmod(rank, spans[owner, 0])
    x, y = columns + low[owner, 0], rows + low[owner, 1]
    inside = _inside(corners.astype(np.float32), owner, x.astype(np.float32), y.astype(np.float32))
    # Fancy assignment keeps the last value where a grid point repeats: the painter's order.
    ids[(y * size.width + x)[inside]] = visible[owner[inside]]
    return ids.reshape(size.height, size.width)


def _inside(
    corners: NDArray[np.float32], owner: NDArray[np.int64], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.bool_]:
    following = np.roll(corners, -1, axis=1)
    edges = following - corners
    # Half-plane a·x + b·y + c ≥ 0 for each of the three edges.
    a, b = -edges[..., 1], edges[..., 0]
    c = -(a * corners[..., 0] + b * corners[..., 1])
    inside = np.ones(len(owner), dtype=np.bool_)
    for edge in range(3):
        inside &= a[owner, edge] * x + b[owner, edge] * y + c[owner, edge] >= -_EDGE_TOLERANCE
    return inside


def affine_per_triangle(start: Points, end: Points, triangles: Triangles) -> NDArray[np.float32]:
    """The affine map of every triangle from `start` to `end`, T × 2 × 3; zeros where it has no inverse."""
    origin, goal = start[triangles[:, 0]].astype(np.float64), end[triangles[:, 0]].astype(np.float64)
    u, v = start[triangles[:, 1]] - origin, start[triangles[:, 2]] - origin
    p, q = end[triangles[:, 1]] - goal, end[triangles[:, 2]] - goal
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    scale = np.where(np.abs(area) > _SMALLEST_AREA, 1 / np.where(area == 0, 1, area), 0)[:, None]
    column_x = (p * v[:, 1:2] - q * u[:, 1:2]) * scale
    column_y = (q * u[:, 0:1] - p * v[:, 0:1]) * scale
    shift = goal - column_x * origin[:, 0:1] - column_y * origin[:, 1:2]
    return np.stack((column_x, column_y, shift), axis=2).astype(np.float32)


def dense_map(start: Points, end: Points, triangles: Triangles, ids: IdMap) -> Field:
    """Where every grid point of `start`'s picture lies in `end`'s: exact inside the mesh, affine outside."""
    height, width = ids.shape
    per_triangle = affine_per_triangle(start, end, triangles)
    overall = fit_affine(start, end)
    maps = np.concatenate((per_triangle, overall[None]))[ids]  # id −1 takes the last one
    x = np.arange(width, dtype=np.float32)[None, :, None]
    y = np.arange(height, dtype=np.float32)[:, None, None]
    return np.asarray(maps[..., 0] * x + maps[..., 1] * y + maps[..., 2], dtype=np.float32)


def fit_affine(start: Points, end: Points) -> NDArray[np.float32]:
    """The affine map, 2 × 3, that brings `start` nearest to `end` (least squares; a shift if all are one)."""
    middle, goal = start.mean(axis=0, dtype=np.float64), end.mean(axis=0, dtype=np.float64)
    spread = start - middle
    linear = (np.linalg.pinv(spread.T @ spread) @ spread.T @ (end - goal)).T
    return np.column_stack((linear, goal - linear @ middle)).astype(np.float32)
