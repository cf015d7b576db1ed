"""Alignment puts the five points of a face where a network's template wants them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from steadfast.errors import FaceTooSmall
from steadfast.faces.alignment import (
    ARCFACE_112_V2,
    ARCFACE_128,
    FFHQ_512,
    MTCNN_512,
    AlignmentTemplate,
    Transform,
    align_crop,
    inverse_transform,
    similarity_transform,
    transform_points,
    warp_crop,
)
from steadfast.faces.face import Points
from steadfast.media.canvas import BgrImage


def turned(points: Points, *, degrees: float, scale: float, shift: tuple[float, float]) -> Points:
    angle = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ matrix.T + shift).astype(np.float32)


def picture_of_dots(points: Points, side_px: int, radius_px: float) -> BgrImage:
    """Each point is a soft bright spot; nothing else is in the picture."""
    y, x = np.mgrid[0:side_px, 0:side_px]
    light = np.zeros((side_px, side_px))
    for px, py in points:
        light += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius_px**2))
    grey = np.clip(light * 255, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def spot_near(crop: BgrImage, point: tuple[float, float], reach_px: int) -> tuple[float, float]:
    """Centre of gravity of the light around a point."""
    left, top = round(point[0]) - reach_px, round(point[1]) - reach_px
    window = crop[top : top + 2 * reach_px + 1, left : left + 2 * reach_px + 1, 0].astype(float)
    y, x = np.mgrid[0 : window.shape[0], 0 : window.shape[1]]
    return left + (window * x).sum() / window.sum(), top + (window * y).sum() / window.sum()


@pytest.mark.parametrize("degrees", [0.0, 37.0, -120.0, 180.0])
def test_a_similarity_is_recovered_exactly(degrees: float) -> None:
    start = ARCFACE_112_V2.points(112)
    goal = turned(start, degrees=degrees, scale=2.5, shift=(31.0, -7.0))
    matrix = similarity_transform(start, goal)
    assert matrix.shape == (2, 3)
    assert_allclose(transform_points(matrix, start), goal, atol=1e-3)


def test_points_that_fit_no_similarity_are_fitted_with_the_least_squared_error() -> None:
    rng = np.random.default_rng(7)
    start = ARCFACE_128.points(128)
    goal = (turned(start, degrees=12, scale=1.3, shift=(4, 9)) + rng.normal(0, 2, (5, 2))).astype(np.float32)
    best = similarity_transform(start, goal)

    def error(matrix: Transform) -> float:
        return float(((transform_points(matrix, start) - goal) ** 2).sum())

    for row, column in ((0, 2), (1, 2)):
        for nudge in (-0.05, 0.05):
            other = best.copy()
            other[row, column] += nudge
            assert error(other) > error(best)
    for nudge in (-0.002, 0.002):
        scaled = best.copy()
        scaled[:, :2] *= 1 + nudge
        scaled[:, 2] += (best[:, :2] - scaled[:, :2]) @ start.mean(axis=0)
        assert error(scaled) > error(best)


def test_a_mirrored_face_is_never_mirrored_back() -> None:
    start = ARCFACE_128.points(128)
    matrix = similarity_transform(start, start * (-1, 1))
    assert np.linalg.det(matrix[:, :2].astype(float)) > 0


@pytest.mark.parametrize("value", [12.0, np.nan])
def test_points_that_coincide_are_refused_as_too_small(value: float) -> None:
    with pytest.raises(FaceTooSmall):
        similarity_transform(np.full((5, 2), value, dtype=np.float32), ARCFACE_128.points(128))


def test_the_inverse_takes_every_point_back() -> None:
    start = FFHQ_512.points(512)
    matrix = similarity_transform(start, turned(start, degrees=25, scale=0.4, shift=(3, 80)))
    assert_allclose(
        transform_points(inverse_transform(matrix), transform_points(matrix, start)), start, atol=1e-2
    )


def test_arcface_at_112_px_has_the_points_the_network_was_trained_on() -> None:
    known = [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
    assert_allclose(ARCFACE_112_V2.points(112), known, atol=1e-3)


@pytest.mark.parametrize("template", [ARCFACE_128, ARCFACE_112_V2, FFHQ_512, MTCNN_512], ids=lambda t: t.name)
@pytest.mark.parametrize("scale", [1.5, 4.3, 7.9])
def test_every_point_lands_on_the_template_also_where_the_face_is_much_larger_than_the_crop(
    template: AlignmentTemplate, scale: float
) -> None:
    goal = template.points(96)
    points = turned(goal, degrees=15, scale=scale, shift=(200, 60))
    image = picture_of_dots(points, 1000, radius_px=2.0 * scale)
    crop, matrix = align_crop(image, points, template, 96)
    assert crop.shape == (96, 96, 3)
    assert_allclose(transform_points(matrix, points), goal, atol=0.01)
    for x, y in goal:
        assert spot_near(crop, (x, y), 5) == pytest.approx((x, y), abs=0.25)


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    stripes = np.zeros((800, 800, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    matrix = np.array([[0.125, 0, 0], [0, 0.125, 0]], dtype=np.float32)
    crop = warp_crop(stripes, matrix, 64)
    assert_allclose(crop[4:-4, 4:-4].astype(float), 127.5, atol=3)


def test_outside_the_picture_its_edge_is_repeated() -> None:
    image = np.full((40, 40, 3), (10, 20, 30), dtype=np.uint8)
    matrix = np.array([[1, 0, 100], [0, 1, 100]], dtype=np.float32)
    assert_allclose(warp_crop(image, matrix, 32), np.broadcast_to((10, 20, 30), (32, 32, 3)))
    shrunk = np.array([[0.2, 0, 500], [0, 0.2, 500]], dtype=np.float32)
    assert_allclose(warp_crop(image, shrunk, 32), np.broadcast_to((10, 20, 30), (32, 32, 3)))
