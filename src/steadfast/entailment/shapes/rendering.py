"""Scenes as pixels."""

from functools import cache
from math import cos, pi, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.entailment.shapes.world import Colour, Item, Scene, Shape

_PURE: dict[Colour, tuple[int, int, int]] = {
    Colour.RED: (215, 35, 35),
    Colour.ORANGE: (240, 130, 20),
    Colour.YELLOW: (240, 215, 30),
    Colour.GREEN: (35, 155, 55),
    Colour.BLUE: (35, 80, 210),
    Colour.PURPLE: (140, 45, 165),
    Colour.BLACK: (25, 25, 25),
}
_FRACTION_BITS = 4
_TILE_PX = 256
_RING_HOLE = 0.5
_STAR_INNER = 0.42
_CROSS_ARM = 0.34


def render(scene: Scene, side_px: int = 128) -> NDArray[np.uint8]:
    """The scene as (side_px, side_px, 3) uint8, red, green, blue; the same scene gives the same pixels."""
    pixels = np.empty((side_px, side_px, 3), np.uint8)
    pixels[:] = scene.background
    for item in scene.items:
        _draw(pixels, item, scene.background)
    return _grained(pixels, scene) if scene.noise > 0 else pixels


@cache
def _grain_tile() -> NDArray[np.float32]:
    return np.random.default_rng(7).standard_normal((_TILE_PX, _TILE_PX, 1)).astype(np.float32)


def _grained(pixels: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    """With grain cut from one tile at a place of the scene's own: noise at the price of an addition."""
    side_px = pixels.shape[0]
    top, left = divmod(scene.noise_seed % (_TILE_PX * _TILE_PX), _TILE_PX)
    tile = _grain_tile()
    wanted_rows, wanted_columns = (
        (np.arange(side_px) + top) % _TILE_PX,
        (np.arange(side_px) + left) % _TILE_PX,
    )
    grain = tile[wanted_rows][:, wanted_columns] * np.float32(scene.noise)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def _draw(pixels: NDArray[np.uint8], item: Item, background: tuple[int, int, int]) -> None:
    colour = [min(255, max(0, pure + tint)) for pure, tint in zip(_PURE[item.colour], item.tint, strict=True)]
    _fill(pixels, _outline(item.shape), item, item.radius, colour)
    if item.shape is Shape.RING:
        _fill(pixels, _outline(Shape.CIRCLE), item, item.radius * _RING_HOLE, list(background))


def _fill(
    pixels: NDArray[np.uint8], outline: NDArray[np.float64], item: Item, radius: float, colour: list[int]
) -> None:
    side_px = pixels.shape[0]
    turn = radians(item.turned_deg)
    rotation = np.array([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]])
    points = (outline @ rotation * radius + (item.x, item.y)) * side_px - 0.5
    fixed = np.round(points * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(pixels, [fixed], colour, cv2.LINE_AA, _FRACTION_BITS)


def _star() -> list[tuple[float, float]]:
    corners = []
    for step in range(10):
        reach, angle = (1.1 if step % 2 == 0 else 1.1 * _STAR_INNER), pi * step / 5
        corners.append((reach * sin(angle), -reach * cos(angle)))
    return corners


def _round(corners: int = 48) -> list[tuple[float, float]]:
    return [(sin(2 * pi * step / corners), cos(2 * pi * step / corners)) for step in range(corners)]


_ARM = _CROSS_ARM
_OUTLINES: dict[Shape, NDArray[np.float64]] = {
    Shape.CIRCLE: np.array(_round()),
    Shape.RING: np.array(_round()),
    Shape.SQUARE: np.array([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
    Shape.TRIANGLE: np.array([(0.0, -1.05), (1.0, 0.8), (-1.0, 0.8)]),
    Shape.STAR: np.array(_star()),
    Shape.CROSS: np.array(
        [
            *[(-_ARM, -1.0), (_ARM, -1.0), (_ARM, -_ARM), (1.0, -_ARM), (1.0, _ARM), (_ARM, _ARM)],
            *[(_ARM, 1.0), (-_ARM, 1.0), (-_ARM, _ARM), (-1.0, _ARM), (-1.0, -_ARM), (-_ARM, -_ARM)],
        ]
    ),
}


def _outline(shape: Shape) -> NDArray[np.float64]:
    """Its corners around the origin, y pointing down."""
    return _OUTLINES[shape]
