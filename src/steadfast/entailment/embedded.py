"""The embedded model: knows coloured shapes, comes with the package, and says where its world ends."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Judgement, Pixels, Question, checked_probabilities
from steadfast.entailment.words import MAX_WORDS, THINGS, numbers_of, unknown_words, words_of
from steadfast.errors import TextTooLong
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import ModelSession
from steadfast.inference.threads import owned_cores

SIDE_PX = 64
"""Of the picture that it sees."""
_UNKNOWN_PICTURE = "The picture is no drawing of coloured shapes; the embedded model knows nothing else."
_UNKNOWN_SENTENCE = "The sentence names no shape; the embedded model knows nothing else."
_NO_CAPTIONS = "The embedded model does not read captions."
_WORDS_TOLD = 5
_LEAST_SHARE = 4
"""Questions that one core is given; fewer are not worth the way."""


class EmbeddedModel:
    """One session of it."""

    name = "shapes_entailment"
    domain = "shapes"
    is_calibrated = True

    def __init__(self, session: ModelSession, revision: str = "") -> None:
        self._session = session
        self.revision = revision
        self._cores = owned_cores()
        self._sharers = ThreadPoolExecutor(self._cores, "judge")

    def check(self, question_text: CleanText, caption: CleanText | None) -> None:  # noqa: ARG002
        """Refuses sentences of more words than it has places for."""
        count = len(words_of(question_text.text))
        if count > MAX_WORDS:
            raise TextTooLong(f"The text has {count} words; the embedded model reads {MAX_WORDS} at most.")

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        """All of them, shared out among the cores: one run of so small a network is not worth several."""
        share = max(_LEAST_SHARE, -(-len(questions) // self._cores))
        shares = [questions[first : first + share] for first in range(0, len(questions), share)]
        every = map if len(shares) == 1 else self._sharers.map
        return [judgement for done in every(self._judge, shares) for judgement in done]

    def _judge(self, questions: Sequence[Question]) -> list[Judgement]:
        words = [words_of(question.text.text) for question in questions]
        pictures = np.stack([picture_for_model(question.pixels) for question in questions])
        answers = self._session.run({"pictures": pictures, "ids": _table(words)})
        count = len(questions)
        probabilities = require_shape(
            answers["probabilities"], (count, 3), model=self.name, output="probabilities"
        )
        strangeness = require_shape(answers["strangeness"], (count,), model=self.name, output="strangeness")
        return [
            _judgement(question, known, checked_probabilities(row, model=self.name), float(strange))
            for question, known, row, strange in zip(
                questions, words, probabilities, strangeness, strict=True
            )
        ]


def _judgement(
    question: Question, words: list[str], probabilities: tuple[float, float, float], strangeness: float
) -> Judgement:
    warnings = []
    if strangeness > 1.0:
        warnings.append(_UNKNOWN_PICTURE)
    if THINGS.isdisjoint(words):
        warnings.append(_UNKNOWN_SENTENCE)
    in_domain = not warnings
    if unknown := unknown_words(words):
        told = ", ".join(unknown[:_WORDS_TOLD])
        warnings.append(f"Words that the embedded model has never read: {told}.")
    if question.caption is not None:
        warnings.append(_NO_CAPTIONS)
    # Outside its world the network is as sure as ever; nothing it says there means anything.
    probabilities = probabilities if in_domain else (1 / 3, 1 / 3, 1 / 3)
    return Judgement(probabilities=probabilities, in_domain=in_domain, warnings=tuple(warnings))


def _table(words: list[list[str]]) -> NDArray[np.int64]:
    """(sentences, numbers), filled up with zeros."""
    rows = [numbers_of(sentence) for sentence in words]
    table = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return table


def picture_for_model(pixels: Pixels) -> NDArray[np.float32]:
    """(3, 64, 64), red, green, blue, 0 to 1: made square with the colour of its edge, then scaled."""
    square = _made_square(pixels)
    shrinks = square.shape[0] >= SIDE_PX
    small = cv2.resize(
        square, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.ascontiguousarray(small[..., ::-1].transpose(2, 0, 1), np.float32) / np.float32(255)


def _made_square(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    side = max(height, width)
    if height == width:
        return pixels
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    square = np.empty((side, side, 3), np.uint8)
    square[:] = np.median(edge, axis=0)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square
