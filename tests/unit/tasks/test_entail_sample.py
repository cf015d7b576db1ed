"""What can be known of answers whose truth nobody knows."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from tests.unit.entailment.fake_model import BrightnessModel

from steadfast.entailment.answer import Answer
from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Judgement, Question
from steadfast.entailment.shapes import evaluation
from steadfast.entailment.shapes.evaluation import Case
from steadfast.errors import InvalidModelOutput
from steadfast.tasks import entail_sample
from steadfast.tasks.entail_sample import EntailmentSampler, encoded_anew


class Shapes(BrightnessModel):
    """Says the same to every drawing."""

    domain = "shapes"
    said = (0.9, 0.05, 0.05)

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        self.batches.append(len(questions))
        return [Judgement(probabilities=self.said) for _ in questions]


class Grainy(BrightnessModel):
    """Knows pictures by their single pixels, as no model should."""

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        shares = [float((question.pixels % 2).mean()) for question in questions]
        return [Judgement(probabilities=(share, 1 - share, 0.0)) for share in shares]


def asked(shade: int = 240) -> Question:
    return Question(pixels=np.full((9, 9, 3), shade, np.uint8), text=CleanText(text="It is day."))


def measured(
    model: BrightnessModel, question: Question, *, in_domain: bool = True, took_s: float = 0.1
) -> dict[str, float]:
    (judged,) = model.judge([question])
    found = Judgement(probabilities=judged.probabilities, in_domain=in_domain)
    return EntailmentSampler(model, Random(5)).measure([(question, found)], took_s=took_s)


def test_accuracy_is_the_part_of_questions_with_known_answers_that_is_answered_right() -> None:
    assert measured(Shapes(), asked())["accuracy"] == pytest.approx(1 / 3, abs=1e-4)


def test_other_scenes_are_drawn_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Case, ...]] = []
    cases = evaluation.cases

    def listen(seed: int, count: int) -> list[Case]:
        seen.append(tuple(cases(seed, count)))
        return list(seen[-1])

    monkeypatch.setattr(entail_sample, "cases", listen)
    sampler = EntailmentSampler(Shapes())
    for _ in range(3):
        sampler.measure([], took_s=0.0)
    assert len(set(seen)) == 3
    assert {sentence.answer for _, sentence in seen[0]} == set(Answer)


def test_a_model_that_does_not_know_drawings_is_not_asked_about_any() -> None:
    assert measured(BrightnessModel(), asked()) == {"steadiness": 1.0}


def test_an_answer_that_hangs_on_single_pixels_is_not_steady() -> None:
    noisy = np.random.default_rng(1).integers(0, 2, (40, 40, 3), np.uint8) * 254
    question = Question(pixels=noisy, text=CleanText(text="It is day."))
    assert measured(Grainy(), question)["steadiness"] < 0.8


def test_what_the_model_does_not_know_says_nothing_of_steadiness() -> None:
    assert measured(BrightnessModel(), asked(), in_domain=False) == {}


def test_an_answer_that_took_seconds_is_not_asked_for_again() -> None:
    model = BrightnessModel()
    assert measured(model, asked(), took_s=6.0) == {}
    assert model.batches == [1]


def test_a_measurement_that_fails_costs_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(BrightnessModel):
        def judge(self, questions: Sequence[Question]) -> list[Judgement]:
            raise InvalidModelOutput("no numbers")

    found = Judgement(probabilities=(1.0, 0.0, 0.0))
    assert EntailmentSampler(Broken()).measure([(asked(), found)], took_s=0.0) == {}
    assert [record.message for record in caplog.records] == ["quality was not measured"]


def test_a_picture_is_encoded_anew_as_a_messenger_does() -> None:
    large = np.full((1500, 3000, 3), 120, np.uint8)
    assert encoded_anew(large).shape == (512, 1024, 3)
    noisy = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    assert encoded_anew(noisy).shape == noisy.shape
    assert (encoded_anew(noisy) != noisy).mean() > 0.5
