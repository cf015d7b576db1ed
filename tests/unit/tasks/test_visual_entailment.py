"""The task in a worker, around a model that answers at once."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.entailment.fake_model import BrightnessModel

from steadfast.entailment.answer import Answer
from steadfast.entailment.canary import check_model
from steadfast.entailment.model import Judgement, Question
from steadfast.errors import (
    DamagedMedia,
    EmptyInput,
    EmptyText,
    InvalidModelOutput,
    InvalidOption,
    TextTooLong,
    UnsupportedMedia,
)
from steadfast.inference.sessions import SessionCache
from steadfast.media import pictures
from steadfast.readings import Sampled
from steadfast.settings import InferenceSettings
from steadfast.spans import RECORDER
from steadfast.task import OperatingPoint, Request, Response, Rung
from steadfast.tasks import entail_reading, visual_entailment
from steadfast.tasks.entail_messages import EntailAnswer, EntailRequest
from steadfast.tasks.visual_entailment import VisualEntailmentTask


def progress(done: int, total: int | None = None) -> None:
    """Nobody listens."""


def png(shade: int) -> bytes:
    return cv2.imencode(".png", np.full((20, 30, 3), shade, np.uint8))[1].tobytes()


def request(content: bytes, text: str = "It is day.", **fields: Any) -> Request[EntailRequest]:
    return Request(fields=EntailRequest(text=text, **fields), blobs=(memoryview(content),))


@pytest.fixture
def model() -> BrightnessModel:
    return BrightnessModel()


@pytest.fixture
def task(model: BrightnessModel, monkeypatch: pytest.MonkeyPatch) -> VisualEntailmentTask:
    monkeypatch.setattr(visual_entailment, "load_model", lambda *_, **__: model)
    made = VisualEntailmentTask(
        {"inference": {"providers": ["cuda", "cpu"]}, "entailment": {"backend": "ofa"}}
    )
    made.load(made.operating_points()[0])
    return made


def test_an_answer_tells_who_gave_it_and_what_it_is_worth(task: VisualEntailmentTask) -> None:
    response = task.run(request(png(230), "It is <b>day</b>.", caption="a\u200b sky"), progress)
    answer = response.fields
    assert isinstance(answer, EntailAnswer)
    assert (answer.answer, answer.model, answer.calibrated) == (Answer.YES, "brightness", False)
    assert len(answer.warnings) == 2
    assert response.cost["pixels"] == 600


def test_one_bad_picture_costs_nobody_else_anything(
    task: VisualEntailmentTask, model: BrightnessModel
) -> None:
    asked = [request(png(230)), request(b"no picture"), request(png(230)[:60]), request(b""), request(png(9))]
    answers = task.run_batch(asked, progress)
    assert [type(answer) for answer in answers] == [
        Response,
        UnsupportedMedia,
        DamagedMedia,
        EmptyInput,
        Response,
    ]
    assert model.batches == [2]


def test_a_picture_that_several_ask_about_is_opened_once(
    task: VisualEntailmentTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []
    read_picture = pictures.read_picture

    def listen(content: bytes, *rest: Any, **more: Any) -> Any:
        opened.append(content)
        return read_picture(content, *rest, **more)

    monkeypatch.setattr(entail_reading, "read_picture", listen)
    asked = [request(png(230), "It is day."), request(png(9)), request(png(230), "It is night.")]
    answers = task.run_batch(asked, progress)
    assert sorted(opened) == sorted([png(230), png(9)])
    found = [answer.fields for answer in answers if isinstance(answer, Response)]
    assert [answer.answer for answer in found if isinstance(answer, EntailAnswer)] == [
        Answer.YES,
        Answer.NO,
        Answer.YES,
    ]


def test_pictures_that_are_too_large_together_are_not_in_memory_together(
    task: VisualEntailmentTask, model: BrightnessModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entail_reading, "TOGETHER_PX", 2000)  # of 600 each
    large = cv2.imencode(".png", np.full((50, 50, 3), 230, np.uint8))[1].tobytes()
    asked = [png(230), png(9), png(230), png(8), b"no picture", large, large, png(7)]
    answers = task.run_batch([request(content) for content in asked], progress)
    assert model.batches == [4, 2, 1]
    assert [type(answer) for answer in answers] == [Response] * 4 + [UnsupportedMedia] + [Response] * 3
    found = [answer.fields for answer in answers if isinstance(answer, Response)]
    assert [answer.answer.value for answer in found if isinstance(answer, EntailAnswer)] == [
        *["yes", "no", "yes", "no"],
        *["yes", "yes", "no"],
    ]


def test_a_sampled_answer_says_how_good_it_is_and_the_others_of_its_batch_do_not(
    task: VisualEntailmentTask, model: BrightnessModel
) -> None:
    asked = [request(png(9)), request(b"", sample=True), request(png(230), sample=True), request(png(8))]
    answers = task.run_batch(asked, progress)
    looks = [answer.afterwards for answer in answers if isinstance(answer, Response)]
    assert [look is None for look in looks] == [True, False, True]
    assert model.batches == [3]  # nobody has looked yet
    assert looks[1] is not None
    assert looks[1]() == Sampled(engine=model.name, readings={"steadiness": 1.0})
    assert model.batches == [3, 1]


def test_an_answer_is_not_lost_by_looking_at_it(task: VisualEntailmentTask, model: BrightnessModel) -> None:
    judge = model.judge

    def once(questions: Sequence[Question]) -> list[Judgement]:
        if model.batches:
            raise InvalidModelOutput("no numbers")
        return judge(questions)

    model.judge = once  # type: ignore[method-assign]
    response = task.run(request(png(230), sample=True), progress)
    assert isinstance(response.fields, EntailAnswer)
    assert response.fields.answer is Answer.YES
    assert response.afterwards is not None
    assert response.afterwards().readings == {}


def test_a_trace_sees_its_stages(task: VisualEntailmentTask) -> None:
    with RECORDER.recording("00-" + "1" * 32 + "-" + "2" * 16 + "-01") as spans:
        task.run(request(png(230)), progress)
    assert [span.name for span in spans] == ["decode", "infer"]
    assert spans[0].began_at_s <= spans[0].ended_at_s == spans[1].began_at_s <= spans[1].ended_at_s


def test_what_cannot_be_asked_is_refused_before_anything_runs(task: VisualEntailmentTask) -> None:
    with pytest.raises(EmptyText):
        task.validate(request(b"x", "\u200b"))
    with pytest.raises(TextTooLong):
        task.validate(request(b"x", "day " * 10))
    with pytest.raises(InvalidOption, match="One picture"):
        task.validate(Request(fields=EntailRequest(text="day"), blobs=()))


def test_memory_is_won_by_caches_then_batches_then_the_cpu(task: VisualEntailmentTask) -> None:
    points = task.operating_points()
    assert [point.rung for point in points] == [
        Rung.FULL,
        Rung.RELEASED_CACHES,
        Rung.SMALLER_BATCH,
        Rung.CPU,
    ]
    assert [point.batch for point in points] == [16, 16, 1, 1]
    assert points[-1].degraded
    assert not points[2].degraded  # one at a time is as good as many


def test_each_point_of_the_ladder_is_loaded_on_its_provider(
    monkeypatch: pytest.MonkeyPatch, model: BrightnessModel
) -> None:
    seen: list[tuple[str, ...]] = []

    def opened(settings: InferenceSettings) -> SessionCache:
        seen.append(settings.providers)
        return SessionCache(settings)

    monkeypatch.setattr(visual_entailment, "SessionCache", opened)
    monkeypatch.setattr(visual_entailment, "load_model", lambda *_, **__: model)
    task = VisualEntailmentTask(
        {"inference": {"providers": ["cuda", "cpu"]}, "entailment": {"backend": "ofa"}}
    )
    for point in (OperatingPoint(), OperatingPoint(rung=Rung.CPU, provider="cpu")):
        task.load(point)
    assert seen == [("cuda", "cpu"), ("cpu",)]


class Shapes(BrightnessModel):
    """Says the same to everything."""

    domain = "shapes"

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        return [Judgement(probabilities=(0.9, 0.05, 0.05)) for _ in questions]


def test_a_canary_tells_what_was_expected_and_what_came(task: VisualEntailmentTask) -> None:
    passed = task.canary()  # nobody knows what this one should say: it must only say the same twice
    assert passed.passed
    assert passed.request_s is not None  # by which the gate judges before the first request was done
    assert 0.0 < passed.request_s < 5.0
    verdict = check_model(Shapes())
    assert not verdict.passed
    assert "answered yes instead of no" in verdict.detail


def test_a_model_that_wavers_fails_its_canary() -> None:
    class Wavering(BrightnessModel):
        def judge(self, questions: Sequence[Question]) -> list[Judgement]:
            self.batches.append(1)
            share = 0.1 * len(self.batches)
            return [Judgement(probabilities=(share, 0.5, 0.5 - share))]

    verdict = check_model(Wavering())
    assert not verdict.passed
