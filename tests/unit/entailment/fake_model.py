"""A model that answers at once: yes where the picture is bright, no where it is dark."""

from collections.abc import Sequence

from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Judgement, Question
from steadfast.errors import TextTooLong


class BrightnessModel:
    """Notes how many questions came together."""

    name = "brightness"
    revision = "1"
    domain = ""
    is_calibrated = False

    def __init__(self) -> None:
        self.batches: list[int] = []

    def check(self, question_text: CleanText, caption: CleanText | None) -> None:
        """Nine words at most."""
        if len(question_text.text.split()) > 9:
            raise TextTooLong("The text has more than 9 words.")

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        """One each."""
        self.batches.append(len(questions))
        bright = [question.pixels.mean() > 127 for question in questions]
        return [Judgement(probabilities=(0.8, 0.1, 0.1) if one else (0.1, 0.8, 0.1)) for one in bright]
