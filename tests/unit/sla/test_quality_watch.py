"""Sampled results are judged by the promise for their engine, and a bad batch is an incident."""

from collections.abc import Iterator

import pytest

from steadfast.events import publish, subscribe_to
from steadfast.health.detection.sign import Sign
from steadfast.observability.quality import QualityMeasured, Verdict
from steadfast.readings import ResultSampled
from steadfast.settings import ObjectiveSettings, QualityTargets
from steadfast.sla.quality_watch import QualityWatch

SETTINGS = ObjectiveSettings(
    quality={"standard": QualityTargets(identity=0.5), "shapes_entailment": QualityTargets(accuracy=0.9)}
)


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.signs: list[Sign] = []
        self.readings: list[QualityMeasured] = []


@pytest.fixture
def heard() -> Iterator[Heard]:
    """A watch at work."""
    told = Heard()
    ends = [
        QualityWatch(SETTINGS, told.signs.append).listen(),
        subscribe_to(QualityMeasured, told.readings.append),
    ]
    yield told
    for end in ends:
        end()


def sample(value: float, times: int = 1, **more: float) -> None:
    for _ in range(times):
        publish(ResultSampled(task="face_swap", engine="standard", readings={"identity": value, **more}))


def test_a_result_becomes_a_reading_with_its_verdict(heard: Heard) -> None:
    sample(0.6, psnr_outside=41.0)
    assert [(one.reading.value, one.verdict) for one in heard.readings] == [
        ("identity", Verdict.MET),
        ("psnr_outside", Verdict.NOT_JUDGED),
    ]


def test_a_batch_that_keeps_the_promise_is_no_incident(heard: Heard) -> None:
    sample(0.6, 19)
    sample(0.4)
    assert heard.signs == []


def test_a_batch_below_it_is_one_incident(heard: Heard) -> None:
    sample(0.6, 18)
    sample(0.4, 2)
    (sign,) = heard.signs
    assert (sign.kind, sign.subject) == ("quality_low", "standard/identity")
    assert sign.evidence == "2 of 20 sampled results miss identity 0.5"


def test_what_a_worker_makes_up_is_passed_over(heard: Heard) -> None:
    sample(float("nan"), beauty=11.0)
    assert heard.readings == []


def test_a_model_that_answers_drawn_questions_wrong_is_one_incident(heard: Heard) -> None:
    for right in (11, 12, 9, *[12] * 16, 8):
        readings = {"accuracy": right / 12, "steadiness": 0.2}
        publish(ResultSampled(task="visual_entailment", engine="shapes_entailment", readings=readings))
    (sign,) = heard.signs  # of steadiness nothing is promised
    assert (sign.subject, sign.task) == ("shapes_entailment/accuracy", "visual_entailment")
    assert sign.evidence == "2 of 20 sampled results miss accuracy 0.9"
