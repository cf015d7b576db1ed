"""Scenes and sentences as arrays: what training and evaluation work through."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.shapes.grammar import Sentence, Writer
from steadfast.entailment.shapes.rendering import render
from steadfast.entailment.shapes.world import TRAINED, Colour, Pair, Scene, Shape, random_scene
from steadfast.entailment.words import numbers_of, words_of

SIDE_PX = 64
CELLS = 8
ID_COUNT = 16
"""Numbers of a sentence of the grammar, at most."""
_CHUNK = 2000
_COLOURS, _SHAPES = tuple(Colour), tuple(Shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Pictures with a few sentences each; s: scenes, k: sentences of one."""

    pictures: NDArray[np.uint8]
    """(s, 3, 64, 64), red, green, blue."""
    colours: NDArray[np.uint8]
    """(s, 64): the colour in each cell; one past the last: none."""
    shapes: NDArray[np.uint8]
    """(s, 64)."""
    ids: NDArray[np.uint8]
    """(s, k, ID_COUNT)."""
    answers: NDArray[np.uint8]
    """(s, k)."""
    mention_words: NDArray[np.uint8]
    """(s, k, 2): place of each mention's noun among the ids; 0: there is none."""
    mention_found: NDArray[np.uint8]
    """(s, k, 2)."""
    mention_places: NDArray[np.float32]
    """(s, k, 2, 2): where it is if `mention_found` is 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Which samples are made; the same recipe makes the same."""

    seed: int
    scenes: int
    sentences: int = 4
    pairs: frozenset[Pair] = TRAINED
    unknown_share: float = 0.0


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(3, 64, 64) of (h, w, 3): as pictures are prepared for the model."""
    small = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


def make_samples(recipe: Recipe, *, processes: int = 1) -> Samples:
    """All of them; the number of processes that make them does not change what comes out."""
    chunks = [
        (recipe, first, min(_CHUNK, recipe.scenes - first)) for first in range(0, recipe.scenes, _CHUNK)
    ]
    if processes == 1:
        return joined([_make_chunk(chunk) for chunk in chunks])
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return joined(list(pool.map(_make_chunk, chunks)))


def joined(parts: list[Samples]) -> Samples:
    """Several as one."""
    return Samples(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Samples.__slots__}
    )


def scenes_with_sentences(recipe: Recipe, first: int, count: int) -> Iterator[tuple[Scene, list[Sentence]]]:
    """Scenes with one sentence after another, answers taking turns."""
    random = Random(f"{recipe.seed}/{first}")  # noqa: S311 — drawings, not secrets
    writer = Writer(random, recipe.pairs, unknown_share=recipe.unknown_share)
    turn = made = 0
    while made < count:
        scene = random_scene(random, recipe.pairs)
        turns = [ANSWERS[(turn + number) % len(ANSWERS)] for number in range(recipe.sentences)]
        sentences = [sentence for answer in turns if (sentence := writer.write(scene, answer)) is not None]
        if len(sentences) == recipe.sentences:
            turn, made = turn + recipe.sentences, made + 1
            yield scene, sentences


def _make_chunk(chunk: tuple[Recipe, int, int]) -> Samples:
    recipe, first, count = chunk
    rows = [_row(scene, sentences) for scene, sentences in scenes_with_sentences(recipe, first, count)]
    return Samples(
        **{name: np.stack([row[number] for row in rows]) for number, name in enumerate(Samples.__slots__)}
    )


def _row(scene: Scene, sentences: list[Sentence]) -> tuple[NDArray[np.generic], ...]:
    colours, shapes = _cells(scene)
    count = len(sentences)
    ids = np.zeros((count, ID_COUNT), np.uint8)
    words = np.zeros((count, 2), np.uint8)
    found = np.zeros((count, 2), np.uint8)
    places = np.zeros((count, 2, 2), np.float32)
    for row, sentence in enumerate(sentences):
        numbers = numbers_of(words_of(sentence.text))
        ids[row, : len(numbers)] = numbers
        for column, mention in enumerate(sentence.mentions):
            words[row, column] = mention.word + 1
            found[row, column] = mention.found
            places[row, column] = mention.x, mention.y
    answers = np.array([ANSWERS.index(sentence.answer) for sentence in sentences], np.uint8)
    return shrink(render(scene)), colours, shapes, ids, answers, words, found, places


def _cells(scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What lies at the centre of each cell; every shape has at least the cell of its centre."""
    colours = np.full((CELLS, CELLS), len(_COLOURS), np.uint8)
    shapes = np.full((CELLS, CELLS), len(_SHAPES), np.uint8)
    centres = (np.arange(CELLS) + 0.5) / CELLS
    for item in scene.items:
        inside = np.hypot(centres[None, :] - item.x, centres[:, None] - item.y) < item.radius
        inside[int(item.y * CELLS), int(item.x * CELLS)] = True
        colours[inside] = _COLOURS.index(item.colour)
        shapes[inside] = _SHAPES.index(item.shape)
    return colours.reshape(-1), shapes.reshape(-1)
