"""Questions whose answers are known.

The embedded model is asked all three kinds about a scene that is drawn here and now. Of another model nobody
knows the answer beforehand; it is asked twice, and must say the same, in probabilities that vary.
"""

from functools import cache
from time import perf_counter

import numpy as np

from steadfast.entailment.answer import Answer
from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import EntailmentModel, Pixels, Question
from steadfast.entailment.shapes.rendering import render
from steadfast.entailment.shapes.world import Colour, Item, Scene, Shape, Size
from steadfast.task import CanaryVerdict

_KNOWN = (
    ("The red circle is left of the blue square.", Answer.YES),
    ("The red circle is right of the blue square.", Answer.NO),
    ("The blue square is heavy.", Answer.MAYBE),
)
_SAME = 1e-3


@cache
def _canary_pixels() -> Pixels:
    items = (_item(Colour.RED, Shape.CIRCLE, 0.28), _item(Colour.BLUE, Shape.SQUARE, 0.72))
    scene = Scene(items=items, background=(225, 225, 225), noise=0.0, noise_seed=0)
    return np.ascontiguousarray(render(scene)[..., ::-1])


def _item(colour: Colour, shape: Shape, x: float) -> Item:
    return Item(
        shape=shape, colour=colour, size=Size.LARGE, x=x, y=0.5, radius=0.16, turned_deg=0.0, tint=(0, 0, 0)
    )


def check_model(model: EntailmentModel) -> CanaryVerdict:
    """Whether the model answers what is known."""
    return _check_known(model) if model.domain == "shapes" else _check_steady(model)


def _check_known(model: EntailmentModel) -> CanaryVerdict:
    began_s = perf_counter()
    judgements = model.judge([_question(text) for text, _ in _KNOWN])
    took_s = perf_counter() - began_s
    for (text, expected), judgement in zip(_KNOWN, judgements, strict=True):
        if not judgement.in_domain:
            return CanaryVerdict(passed=False, detail="The known scene was taken for something else.")
        if judgement.answer is not expected:
            detail = f"{text!r} was answered {judgement.answer} instead of {expected}."
            return CanaryVerdict(passed=False, detail=detail)
    return CanaryVerdict(passed=True, request_s=took_s)


def _check_steady(model: EntailmentModel) -> CanaryVerdict:
    text = _KNOWN[0][0]
    first = model.judge([_question(text)])[0].probabilities
    began_s = perf_counter()  # of the second one: the first pays for first allocations
    second = model.judge([_question(text)])[0].probabilities
    took_s = perf_counter() - began_s
    if max(abs(a - b) for a, b in zip(first, second, strict=True)) > _SAME:
        return CanaryVerdict(passed=False, detail=f"One question was answered {first} and then {second}.")
    return CanaryVerdict(passed=True, request_s=took_s)


def _question(text: str) -> Question:
    return Question(pixels=_canary_pixels(), text=CleanText(text=text))
