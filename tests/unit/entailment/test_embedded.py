"""The embedded model around its network: what it is fed, and what is made of what it says."""

from typing import Any

import numpy as np
import pytest

from steadfast.entailment.answer import Answer
from steadfast.entailment.embedded import EmbeddedModel, picture_for_model
from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Question
from steadfast.entailment.words import UNKNOWN, numbers_of, unknown_words, words_of
from steadfast.errors import InvalidModelOutput, TextTooLong


class Network:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, probabilities: list[list[float]], strangeness: list[float]) -> None:
        self.answers = {
            "probabilities": np.array(probabilities, np.float32),
            "strangeness": np.array(strangeness, np.float32),
        }
        self.feeds: dict[str, Any] = {}

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        self.feeds = feeds
        return self.answers


def question(text: str = "The red circle is warm.", caption: str | None = None) -> Question:
    pixels = np.full((40, 60, 3), 200, np.uint8)
    return Question(
        pixels=pixels,
        text=CleanText(text=text),
        caption=None if caption is None else CleanText(text=caption),
    )


def model(network: Network) -> EmbeddedModel:
    return EmbeddedModel(network)  # type: ignore[arg-type]


def test_all_questions_go_in_one_run_filled_up_to_the_longest() -> None:
    network = Network([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1]], [0.5, 0.5])
    answers = model(network).judge([question("A circle."), question("The red circle is left of the star.")])
    assert [answer.answer for answer in answers] == [Answer.YES, Answer.NO]
    assert network.feeds["ids"].shape == (2, 9)
    assert list(network.feeds["ids"][0, 3:]) == [0] * 6
    assert network.feeds["pictures"].shape == (2, 3, 64, 64)


def test_outside_its_world_it_answers_maybe_and_says_why() -> None:
    (answer,) = model(Network([[0.99, 0.005, 0.005]], [1.2])).judge([question()])
    assert (answer.answer, answer.in_domain) == (Answer.MAYBE, False)
    assert answer.probabilities == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert "no drawing of coloured shapes" in answer.warnings[0]


def test_a_sentence_that_names_no_shape_is_outside_too() -> None:
    (answer,) = model(Network([[0.99, 0.005, 0.005]], [0.1])).judge([question("Two dogs play in the snow.")])
    assert not answer.in_domain
    assert any("dogs, play, snow" in warning for warning in answer.warnings)


def test_words_it_has_never_read_and_captions_are_told() -> None:
    (answer,) = model(Network([[0.1, 0.1, 0.8]], [0.1])).judge(
        [question("The circle is fluffy.", "A drawing.")]
    )
    assert answer.in_domain
    assert answer.answer is Answer.MAYBE
    assert any("fluffy" in warning for warning in answer.warnings)
    assert any("captions" in warning for warning in answer.warnings)


@pytest.mark.parametrize("row", [[0.5, 0.1, 0.1], [1.5, -0.4, -0.1]])
def test_what_are_no_probabilities_is_no_answer(row: list[float]) -> None:
    with pytest.raises(InvalidModelOutput):
        model(Network([row], [0.1])).judge([question()])


def test_a_longer_sentence_than_it_reads_is_refused() -> None:
    with pytest.raises(TextTooLong, match="25 words"):
        model(Network([], [])).check(CleanText(text="red " * 25), None)


def test_a_picture_is_made_square_by_the_colour_of_its_edge() -> None:
    pixels = np.full((64, 128, 3), 200, np.uint8)
    pixels[:, :64] = (255, 0, 0)  # blue
    pixels[0, :], pixels[-1, :] = 200, 200
    prepared = picture_for_model(pixels)
    assert prepared.shape == (3, 64, 64)
    assert prepared[:, 2, 32] == pytest.approx([200 / 255] * 3, abs=0.01)  # above what was there
    assert prepared[:, 32, 10] == pytest.approx([0, 0, 1], abs=0.02)  # red, green, blue


def test_words_are_small_letters_without_signs() -> None:
    words = words_of("The Red-Circle, isn't LEFT!")
    assert words == ["the", "red", "circle", "isn", "t", "left"]
    assert unknown_words(words) == ("isn", "t")
    assert numbers_of(words)[4] == UNKNOWN
