"""The embedded model on scenes that nobody has seen: a subset of what `… shapes evaluate` asks."""

from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from steadfast.entailment.canary import check_model
from steadfast.entailment.embedded import EmbeddedModel
from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.loading import EMBEDDED
from steadfast.entailment.model import Pixels, Question
from steadfast.entailment.shapes.evaluation import Score, evaluate, open_embedded
from steadfast.media.pictures import read_picture
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import ModelSettings

COUNT = 900
"""Questions of each kind; three standard errors of a share of 99.5 % are then 0.7 %."""


def _through_jpeg(pixels: Pixels) -> Pixels:
    _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 70])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    file = resources.files("steadfast.entailment.shapes").joinpath("shapes.onnx")
    return open_embedded(Path(str(file)))


@pytest.fixture(scope="module")
def scores(model: EmbeddedModel) -> dict[str, Score]:
    return {score.name: score for score in evaluate(model, COUNT, _through_jpeg)}


def test_it_answers_nearly_every_fresh_question_and_each_kind_as_well(scores: dict[str, Score]) -> None:
    score = scores["fresh scenes"]
    assert score.right >= 0.988
    assert min(score.right_by_answer) >= 0.98
    assert score.in_domain >= 0.995


def test_it_puts_together_what_it_has_never_seen_together(scores: dict[str, Score]) -> None:
    assert scores["pairs never seen together"].right >= 0.96


def test_a_jpeg_of_another_size_changes_little(scores: dict[str, Score]) -> None:
    assert scores["256-px JPEG, quality 70"].right >= 0.98


@pytest.mark.parametrize("trial", ["pictures shuffled", "blank pictures"])
def test_without_the_right_picture_it_is_near_chance(scores: dict[str, Score], trial: str) -> None:
    assert scores[trial].right <= 0.47


def test_its_probabilities_are_as_often_right_as_they_say(scores: dict[str, Score]) -> None:
    assert scores["fresh scenes"].calibration_error <= 0.02


def test_a_photo_is_outside_its_world_and_it_says_so(model: EmbeddedModel) -> None:
    photo = read_picture(resources.files("steadfast.tasks").joinpath("canary_face.jpg").read_bytes()).pixels
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    ramp = np.ascontiguousarray(
        np.broadcast_to(np.linspace(0, 255, 200, dtype=np.uint8)[:, None, None], (200, 200, 3))
    )
    text = clean_sentence("There is a red circle.")
    for judgement in model.judge([Question(pixels=pixels, text=text) for pixels in (photo, noise, ramp)]):
        assert (judgement.answer.value, judgement.in_domain) == ("maybe", False)
        assert judgement.warnings


def test_its_canary_passes_and_its_file_is_the_one_in_the_catalogue(
    model: EmbeddedModel, tmp_path: Path
) -> None:
    assert check_model(model).passed
    assert ModelStore(ModelSettings(dir=tmp_path)).verify(EMBEDDED) is ModelState.BUNDLED
