"""Scenes as pixels and as arrays."""

from random import Random

import numpy as np
import pytest

from steadfast.entailment.shapes.rendering import render
from steadfast.entailment.shapes.samples import CELLS, Recipe, make_samples, scenes_with_sentences
from steadfast.entailment.shapes.world import Colour, Item, Scene, Shape, Size, blank_scene, random_scene


def alone(shape: Shape) -> Scene:
    item = Item(
        shape=shape,
        colour=Colour.BLUE,
        size=Size.LARGE,
        x=0.3,
        y=0.6,
        radius=0.16,
        turned_deg=5.0,
        tint=(0, 0, 0),
    )
    return Scene(items=(item,), background=(230, 230, 230), noise=0.0, noise_seed=0)


@pytest.mark.parametrize("shape", list(Shape))
def test_a_shape_lies_where_it_was_put_in_its_colour(shape: Shape) -> None:
    pixels = render(alone(shape), 100).astype(int)
    rows, columns = np.nonzero(pixels[..., 2] - pixels[..., 0] > 80)
    assert columns.mean() == pytest.approx(30, abs=1.5)
    assert rows.mean() == pytest.approx(60, abs=3)
    assert 300 < len(rows) < 900


def test_shapes_differ_in_outline() -> None:
    drawn = [render(alone(shape), 64).tobytes() for shape in Shape]
    assert len(set(drawn)) == len(Shape)


def test_a_scene_is_drawn_the_same_every_time() -> None:
    drawn = random_scene(Random(1))
    assert np.array_equal(render(drawn), render(drawn))


def test_a_blank_scene_is_one_colour() -> None:
    assert np.ptp(render(blank_scene(200))) == 0


def test_the_same_recipe_makes_the_same_samples_and_answers_take_turns() -> None:
    recipe = Recipe(seed=7, scenes=30, sentences=3)
    first, second = ([s for _, s in scenes_with_sentences(recipe, 0, 30)] for _ in range(2))
    assert first == second
    counts = np.bincount([list("ynm").index(s.answer[0]) for row in first for s in row])
    assert list(counts) == [30, 30, 30]


def test_samples_tell_what_lies_in_each_cell() -> None:
    recipe = Recipe(seed=3, scenes=12)
    samples = make_samples(recipe)
    drawn = [scene for scene, _ in scenes_with_sentences(recipe, 0, 12)]
    for row, scene in enumerate(drawn):
        for item in scene.items:
            cell = int(item.y * CELLS) * CELLS + int(item.x * CELLS)
            assert samples.colours[row, cell] == list(Colour).index(item.colour)
            assert samples.shapes[row, cell] == list(Shape).index(item.shape)
    assert samples.pictures.shape == (12, 3, 64, 64)
    assert samples.ids.max() < 110
