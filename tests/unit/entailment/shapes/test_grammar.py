"""Sentences whose answers are known by construction."""

from collections import Counter
from functools import cache
from random import Random

import pytest

from steadfast.entailment.answer import ANSWERS, Answer
from steadfast.entailment.shapes.grammar import Description, Sentence, Writer
from steadfast.entailment.shapes.world import (
    ALL_PAIRS,
    HELD_OUT,
    TRAINED,
    Colour,
    Item,
    Scene,
    Shape,
    Size,
    random_scene,
)
from steadfast.entailment.words import UNKNOWN, numbers_of, unknown_words, words_of


def item(colour: Colour, shape: Shape, x: float, size: Size = Size.LARGE) -> Item:
    return Item(
        shape=shape, colour=colour, size=size, x=x, y=0.3, radius=0.15, turned_deg=0.0, tint=(0, 0, 0)
    )


def scene(*items: Item) -> Scene:
    return Scene(items=items, background=(220, 220, 220), noise=0.0, noise_seed=0)


TWO_CIRCLES = scene(
    item(Colour.RED, Shape.CIRCLE, 0.2),
    item(Colour.BLUE, Shape.CIRCLE, 0.8, Size.SMALL),
    item(Colour.GREEN, Shape.SQUARE, 0.5),
)


def sentences(count: int = 1200, **options: object) -> list[Sentence]:
    random = Random(5)
    writer = Writer(random, **options)  # type: ignore[arg-type]
    found: list[Sentence] = []
    while len(found) < count:
        drawn = random_scene(random)
        sentence = writer.write(drawn, ANSWERS[len(found) % 3])
        if sentence is not None:
            found.append(sentence)
    return found


@cache
def said_of(described: Scene, count: int = 12_000) -> dict[str, Answer]:
    writer = Writer(Random(1), ALL_PAIRS)
    written = (writer.write(described) for _ in range(count))
    return {sentence.text: sentence.answer for sentence in written if sentence is not None}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("There is a red circle.", Answer.YES),
        ("There is a green circle.", Answer.NO),
        ("The blue circle is small.", Answer.YES),
        ("The blue circle is large.", Answer.NO),
        ("The red circle is left of the green square.", Answer.YES),
        ("The green square is left of the red circle.", Answer.NO),
        ("The square is heavy.", Answer.MAYBE),
        ("The circle is heavy.", Answer.MAYBE),
        ("The red circle is in the left half of the picture.", Answer.YES),
    ],
)
def test_answers_are_what_a_person_would_say(text: str, answer: Answer) -> None:
    assert said_of(TWO_CIRCLES)[text] is answer


def test_what_two_things_fit_is_not_asked_about_one() -> None:
    said = said_of(TWO_CIRCLES)
    assert "The circle is red." not in said
    assert "The circle is large." not in said


def test_one_sentence_has_one_answer() -> None:
    writer = Writer(Random(2), ALL_PAIRS)
    found: dict[str, set[Answer]] = {}
    for _ in range(5000):
        sentence = writer.write(TWO_CIRCLES)
        assert sentence is not None
        found.setdefault(sentence.text, set()).add(sentence.answer)
    assert all(len(answers) == 1 for answers in found.values())


def test_every_word_is_known_and_no_sentence_tells_its_answer_by_length() -> None:
    found = sentences()
    assert not {word for sentence in found for word in unknown_words(words_of(sentence.text))}
    length = {
        answer: Counter(len(words_of(s.text)) for s in found if s.answer is answer).most_common(1)[0][1]
        for answer in ANSWERS
    }
    assert max(length.values()) < 280  # of 400: no length belongs to an answer


def test_mentions_point_at_their_nouns() -> None:
    nouns = {shape.value for shape in Shape} | {"object", "shape", "thing"}
    for sentence in sentences(600):
        words = words_of(sentence.text)
        assert all(words[mention.word] in nouns for mention in sentence.mentions)


def test_pairs_that_are_held_out_are_never_named() -> None:
    held_out = {f"{colour} {shape}" for colour, shape in HELD_OUT}
    assert not [s.text for s in sentences() if any(pair in s.text for pair in held_out)]


def test_featured_pairs_are_always_named() -> None:
    random = Random(3)
    writer = Writer(random, ALL_PAIRS, featured=HELD_OUT)
    drawn = random_scene(random, ALL_PAIRS, featured=HELD_OUT)
    named = {f"{colour} {shape}" for colour, shape in HELD_OUT}
    for _ in range(50):
        sentence = writer.write(drawn)
        assert sentence is None or any(pair in sentence.text for pair in named)


def test_a_share_of_unseen_properties_are_words_nobody_knows() -> None:
    found = [s for s in sentences(900, unknown_share=1.0) if UNKNOWN in numbers_of(words_of(s.text))]
    assert {sentence.answer for sentence in found} == {Answer.MAYBE, Answer.NO}


def test_what_is_too_close_to_call_is_not_asked() -> None:
    close = scene(item(Colour.RED, Shape.CIRCLE, 0.5), item(Colour.BLUE, Shape.SQUARE, 0.53))
    apart = scene(item(Colour.RED, Shape.CIRCLE, 0.3), item(Colour.BLUE, Shape.SQUARE, 0.73))
    asked = "The red circle is left of the blue square."
    assert asked in said_of(apart, 2500)
    assert asked not in said_of(close, 2500)


def test_a_description_fits_by_all_it_says() -> None:
    described = Description(colour=Colour.RED, size=Size.LARGE)
    assert described.fits(item(Colour.RED, Shape.STAR, 0.5))
    assert not described.fits(item(Colour.RED, Shape.STAR, 0.5, Size.SMALL))


def test_scenes_keep_to_their_pairs_and_leave_room_between_shapes() -> None:
    random = Random(4)
    for _ in range(300):
        drawn = random_scene(random)
        assert {(one.colour, one.shape) for one in drawn.items} <= TRAINED
        for number, one in enumerate(drawn.items):
            for other in drawn.items[:number]:
                assert ((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5 > one.radius + other.radius
