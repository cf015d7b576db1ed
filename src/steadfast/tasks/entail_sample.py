"""How good answers about pictures are, in numbers: looked at in the worker; no pixel and no word is kept.

Nobody says in production whether an answer was right. Two things can be known all the same: whether the model
that answered still answers right where the answer is known by construction, and whether its answer depends on
what must not matter.
"""

import logging
from collections.abc import Sequence
from random import Random
from time import perf_counter
from typing import Final, TypeAlias

import cv2
import numpy as np

from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.model import EntailmentModel, Judgement, Pixels, Question
from steadfast.entailment.shapes.evaluation import cases, drawn
from steadfast.errors import SteadfastError
from steadfast.readings import QualityReading, Readings
from steadfast.spans import RECORDER

Finding: TypeAlias = tuple[Question, Judgement]
"""What was asked, and what the model said."""
DRAWN: Final = 12
"""Questions that are drawn for one reading of accuracy; each answer is the right one of a third of them."""
_LONGEST_S: Final = 5.0
"""An answer that took longer is not asked for twice."""
_SIDE_PX: Final = 1024
_JPEG_QUALITY: Final = 70
_SEED_BITS: Final = 64

_log = logging.getLogger(__name__)


class EntailmentSampler:
    """Measures a model by its answers; remembers nothing."""

    def __init__(self, model: EntailmentModel, random: Random | None = None) -> None:
        """`random`: draws the scenes, which nobody has seen before."""
        self.model = model
        self._random = random or Random()  # noqa: S311 — drawings, not secrets

    def measure(self, found: Sequence[Finding], *, took_s: float) -> Readings:
        """The readings of answers that took `took_s` together; nothing, and a line in the log, where that
        fails: the answers are good without them.
        """
        began_s = perf_counter()
        try:
            readings = self._accuracy() | self._steadiness(found, took_s)
        except SteadfastError as error:
            _log.warning("quality was not measured", extra={"code": error.code})
            return {}
        except Exception as error:  # noqa: BLE001 — an answer that is found must not be lost by looking at it
            _log.warning("quality was not measured", extra={"code": type(error).__name__})
            return {}
        RECORDER.note("measure", began_s, perf_counter())
        return readings

    def _accuracy(self) -> Readings:
        """Part of the questions about scenes drawn now that are answered right."""
        if self.model.domain != "shapes":
            return {}  # nobody knows what another model should say to a drawing
        known = cases(self._random.getrandbits(_SEED_BITS), DRAWN)
        questions = [
            Question(pixels=drawn(scene), text=clean_sentence(sentence.text)) for scene, sentence in known
        ]
        judged = self.model.judge(questions)
        right = sum(one.answer is sentence.answer for one, (_, sentence) in zip(judged, known, strict=True))
        return {QualityReading.ACCURACY.value: round(right / DRAWN, 4)}

    def _steadiness(self, found: Sequence[Finding], took_s: float) -> Readings:
        """The same question about the same picture, encoded anew: 1 less the distance in total variation."""
        # What a model does not know it answers with equal shares, which tell nothing.
        known = [one for one in found if one[1].in_domain]
        if not known or took_s > _LONGEST_S:
            return {}
        question, before = known[self._random.randrange(len(known))]
        again = Question(pixels=encoded_anew(question.pixels), text=question.text, caption=question.caption)
        (after,) = self.model.judge([again])
        pairs = zip(before.probabilities, after.probabilities, strict=True)
        return {QualityReading.STEADINESS.value: round(1 - sum(abs(a - b) for a, b in pairs) / 2, 4)}


def encoded_anew(pixels: Pixels) -> Pixels:
    """What a messenger makes of a picture: at most 1024 pixels wide and high, JPEG of quality 70."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE_PX / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
