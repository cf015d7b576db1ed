"""Scenes: a few coloured shapes of two sizes that do not touch, drawn at random from a seeded source."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import hypot
from random import Random

from steadfast.errors import InvalidOption


class Shape(StrEnum):
    """The outlines."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    CROSS = "cross"
    RING = "ring"


class Colour(StrEnum):
    """The colours, far enough apart to survive a JPEG."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"
    BLACK = "black"


class Size(StrEnum):
    """The sizes; nothing lies between."""

    SMALL = "small"
    LARGE = "large"


Pair = tuple[Colour, Shape]

HELD_OUT: frozenset[Pair] = frozenset(
    {
        (Colour.RED, Shape.STAR),
        (Colour.ORANGE, Shape.CROSS),
        (Colour.YELLOW, Shape.SQUARE),
        (Colour.GREEN, Shape.CIRCLE),
        (Colour.BLUE, Shape.TRIANGLE),
        (Colour.PURPLE, Shape.RING),
    }
)
"""Colours and shapes that never come together in training: in no picture and in no sentence."""
ALL_PAIRS: frozenset[Pair] = frozenset((colour, shape) for colour in Colour for shape in Shape)
TRAINED: frozenset[Pair] = ALL_PAIRS - HELD_OUT

_RADII = {Size.SMALL: (0.085, 0.1), Size.LARGE: (0.15, 0.175)}
_GAP = 0.03
_SHARED = 0.35


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One shape of a scene; lengths are shares of the picture's side."""

    shape: Shape
    colour: Colour
    size: Size
    x: float
    """Of its centre, from the left."""
    y: float
    """Of its centre, from the top."""
    radius: float
    turned_deg: float
    """How far it is turned from upright."""
    tint: tuple[int, int, int]
    """What is added to the pure colour: red, green, blue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A picture that is known wholly."""

    items: tuple[Item, ...]
    background: tuple[int, int, int]
    """Red, green, blue."""
    noise: float
    """Standard deviation of the grain, of 255."""
    noise_seed: int


def random_scene(
    random: Random, pairs: frozenset[Pair] = TRAINED, *, featured: frozenset[Pair] = frozenset()
) -> Scene:
    """Two to five shapes out of `pairs`; the first is out of `featured` where that is given."""
    ordered, first = sorted(pairs), sorted(featured)
    items: list[Item] = []
    wanted = random.randint(2, 5)
    for _ in range(40):
        if len(items) == wanted:
            break
        pair = random.choice(first) if first and not items else _pair(random, ordered, items)
        item = _item(random, pair)
        if all(_apart(item, other) for other in items):
            items.append(item)
    light = random.randint(175, 250)
    background = (light, light, light) if random.random() < 0.5 else _tinted(random, light)
    return Scene(
        items=tuple(items),
        background=background,
        noise=random.uniform(0.0, 6.0),
        noise_seed=random.getrandbits(32),
    )


def _tinted(random: Random, light: int) -> tuple[int, int, int]:
    red, green, blue = (min(255, light + random.randint(-12, 12)) for _ in range(3))
    return red, green, blue


def _pair(random: Random, ordered: list[Pair], items: list[Item]) -> Pair:
    """Often one that shares its colour or its shape with another, so that words must be read to the end."""
    if not items or random.random() > _SHARED:
        return random.choice(ordered)
    like = random.choice(items)
    alike: Callable[[Pair], bool] = (
        (lambda pair: pair[0] is like.colour)
        if random.random() < 0.5
        else (lambda pair: pair[1] is like.shape)
    )
    return random.choice([pair for pair in ordered if alike(pair)] or ordered)


def _item(random: Random, pair: Pair) -> Item:
    size = random.choice((Size.SMALL, Size.LARGE))
    radius = random.uniform(*_RADII[size])
    return Item(
        colour=pair[0],
        shape=pair[1],
        size=size,
        x=random.uniform(radius + 0.02, 0.98 - radius),
        y=random.uniform(radius + 0.02, 0.98 - radius),
        radius=radius,
        turned_deg=random.uniform(-12, 12),
        tint=(random.randint(-18, 18), random.randint(-18, 18), random.randint(-18, 18)),
    )


def _apart(one: Item, other: Item) -> bool:
    return hypot(one.x - other.x, one.y - other.y) >= one.radius + other.radius + _GAP


def blank_scene(light: int = 225) -> Scene:
    """A picture of nothing."""
    if not 0 <= light <= 255:
        raise InvalidOption(f"A shade is 0 to 255, not {light}.")
    return Scene(items=(), background=(light, light, light), noise=0.0, noise_seed=0)
