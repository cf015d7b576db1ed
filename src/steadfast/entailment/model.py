"""The contract of a model of entailment: questions in, probabilities out, and where its knowledge ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steadfast.entailment.answer import ANSWERS, Answer
from steadfast.entailment.hygiene import CleanText
from steadfast.errors import InvalidModelOutput

Pixels = NDArray[np.uint8]
"""(height, width, 3): blue, green, red."""
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Does the sentence follow from the picture?"""

    pixels: Pixels
    text: CleanText
    caption: CleanText | None = None
    """What is known of the picture beside its pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a model says to one question."""

    probabilities: tuple[float, float, float]
    """Of yes, no and maybe; they add up to 1."""
    in_domain: bool = True
    """False: picture or sentence are outside what the model has learned, and it does not know."""
    warnings: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        """The most probable one; maybe where the model does not know."""
        if not self.in_domain:
            return Answer.MAYBE
        return ANSWERS[max(range(len(ANSWERS)), key=self.probabilities.__getitem__)]


class EntailmentModel(Protocol):
    """What the task asks of a model."""

    @property
    def name(self) -> str:
        """As answers tell it."""

    @property
    def revision(self) -> str:
        """Tells two versions of one name apart; a job keeps to the one it was begun with."""

    @property
    def domain(self) -> str:
        """The world it is limited to; empty: pictures of any kind."""

    @property
    def is_calibrated(self) -> bool:
        """Whether its probabilities were held against how often it is right."""

    def check(self, question_text: CleanText, caption: CleanText | None) -> None:
        """Raises `TextTooLong` for what it cannot read."""

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        """One judgement per question, in order."""


def checked_probabilities(row: NDArray[np.floating], *, model: str) -> tuple[float, float, float]:
    """The row as three numbers. Raises `InvalidModelOutput` where they are no probabilities."""
    values = [float(value) for value in row]
    if len(values) != len(ANSWERS) or min(values) < -1e-6 or abs(sum(values) - 1.0) > _SUM_TOLERANCE:
        raise InvalidModelOutput(f"The model {model} answered {values}, which are no probabilities.")
    yes, no, maybe = values
    return yes, no, maybe
