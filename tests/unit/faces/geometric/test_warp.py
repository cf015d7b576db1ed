import numpy as np
from numpy.testing import assert_allclose

from steadfast.faces.face import Points
from steadfast.faces.geometric.mesh import Triangles
from steadfast.faces.geometric.warp import (
    GridSize,
    affine_per_triangle,
    dense_map,
    fit_affine,
    rasterise,
)

SIZE = GridSize(width=40, height=30)
SQUARE: Points = np.array([(0, 0), (39, 0), (39, 29), (0, 29)], dtype=np.float32)
HALVES: Triangles = np.array([(0, 1, 2), (0, 2, 3)], dtype=np.int32)


def test_every_point_of_the_grid_belongs_to_one_triangle_of_a_closed_mesh() -> None:
    ids = rasterise(SQUARE, HALVES, SIZE, None)
    assert set(np.unique(ids)) == {0, 1}
    assert ids[2, 37] == 0
    assert ids[27, 2] == 1


def test_triangles_seen_from_behind_are_not_drawn() -> None:
    assert (rasterise(SQUARE, HALVES[:, ::-1], SIZE, None) == -1).all()


def test_the_nearer_of_two_overlapping_triangles_is_seen() -> None:
    twice = np.concatenate((SQUARE, SQUARE))
    triangles = np.concatenate((HALVES, HALVES + 4)).astype(np.int32)
    depth = np.array([1, 1, 1, 1, 5, 5, 5, 5], dtype=np.float32)
    assert rasterise(twice, triangles, SIZE, depth).max() == 1
    assert rasterise(twice, triangles, SIZE, -depth).min() == 2


def test_points_far_outside_the_grid_are_clipped() -> None:
    ids = rasterise(SQUARE * 50 - 700, HALVES, SIZE, None)
    assert (ids >= 0).all()


def test_a_mesh_without_area_draws_nothing_and_maps_without_error() -> None:
    flat = np.ones_like(SQUARE)
    ids = rasterise(flat, HALVES, SIZE, None)
    assert (ids == -1).all()
    assert np.isfinite(dense_map(flat, SQUARE, HALVES, ids)).all()


def test_the_map_of_an_affinely_moved_mesh_is_that_affine_map_everywhere() -> None:
    matrix, shift = np.array([[0.8, 0.3], [-0.2, 1.1]]), np.array([5.0, -7.0])
    moved = (SQUARE @ matrix.T + shift).astype(np.float32)
    field = dense_map(SQUARE, moved, HALVES, rasterise(SQUARE, HALVES, SIZE, None))
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    expected = np.stack((x, y), axis=2) @ matrix.T + shift
    assert_allclose(field, expected, atol=1e-3)


def test_each_triangle_maps_its_corners_onto_the_corners_it_should() -> None:
    bent = SQUARE.copy()
    bent[2] = (50, 20)
    maps = affine_per_triangle(SQUARE, bent, HALVES)
    for triangle, affine in zip(HALVES, maps.T.reshape(-1, 2, 3), strict=True):
        corners = np.column_stack((SQUARE[triangle], np.ones(3)))
        assert_allclose(corners @ affine.T, bent[triangle], atol=1e-3)


def test_the_fitted_affine_map_recovers_a_known_one() -> None:
    points = np.random.default_rng(1).uniform(0, 100, (20, 2)).astype(np.float32)
    expected = np.array([[1.2, -0.1, 4], [0.3, 0.9, -2]], dtype=np.float32)
    assert_allclose(fit_affine(points, points @ expected[:, :2].T + expected[:, 2]), expected, atol=1e-3)


def test_scrambled_points_draw_nothing_instead_of_filling_memory() -> None:
    points = np.random.default_rng(0).uniform(0, 40, (300, 2)).astype(np.float32)
    triangles = np.random.default_rng(1).integers(0, 300, (900, 3)).astype(np.int32)
    assert (rasterise(points, triangles, SIZE, None) == -1).all()
