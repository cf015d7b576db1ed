"""Models that answer nonsense: what is put over the models of a task that has loaded them.

Whatever is put there is gone when the task loads again, as a fault in the memory of a process is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steadfast.entailment.model import EntailmentModel, Judgement, Question
from steadfast.faces.embedded.landmarker import ShapePredictorLandmarker
from steadfast.faces.face import Detection, Landmarks, Topology
from steadfast.faces.roles import Engine, Landmarker
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import BgrImage

_SHRUNK = 0.6
"""To which a face is seen that is seen wrongly: still a face, in the wrong place."""


def with_nan(value: Any) -> Any:
    """The same shape, and not one number in it."""
    array = np.array(value, copy=True)
    if np.issubdtype(array.dtype, np.floating):
        array.fill(np.nan)
    return array


class NanSession:
    """An ONNX session that answers NaN, before anybody has looked at what it answers."""

    def __init__(self, native: Any) -> None:
        self._native = native

    def run(self, names: list[str], feeds: Mapping[str, Any], options: Any = None) -> list[Any]:
        """As many outputs, of the same shapes."""
        return [with_nan(value) for value in self._native.run(names, feeds, options)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)


def answer_nan(sessions: SessionCache | None) -> bool:
    """Has every ONNX model that is loaded answer NaN; whether there was one."""
    loaded = [session._loaded for session in (sessions._all() if sessions else ()) if session._loaded]
    for model in loaded:
        object.__setattr__(model, "native", NanSession(model.native))
    return bool(loaded)


def answer_nan_without_onnx(engine: Engine) -> None:
    """The same for the embedded engine, whose landmarks come from dlib."""
    landmarker = engine.landmarker
    if isinstance(landmarker, ShapePredictorLandmarker):
        predict = landmarker._predict
        landmarker._predict = lambda pixels: with_nan(predict(pixels))  # type: ignore[method-assign]


class ShrinkingLandmarker:
    """Sees every face smaller than it is, and to the upper left of it: finite, plausible, wrong."""

    def __init__(self, inner: Landmarker) -> None:
        self._inner = inner

    @property
    def topology(self) -> Topology:
        """Of the one that sees right."""
        return self._inner.topology

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        """What the one inside finds, in the wrong place."""
        found = self._inner.locate(image, hint)
        if found is None:
            return None
        corner = found.points.min(axis=0)
        return replace(found, points=((found.points - corner) * _SHRUNK + corner).astype(np.float32))


def see_faces_wrongly(engine: Engine) -> Engine:
    """The engine with landmarks that are plausible and wrong."""
    return replace(engine, landmarker=ShrinkingLandmarker(engine.landmarker))


class ContraryModel:
    """A model of entailment that takes yes for no: probabilities that add up, and are wrong."""

    def __init__(self, inner: EntailmentModel) -> None:
        self._inner = inner

    def judge(self, questions: Iterable[Question]) -> list[Judgement]:
        """One judgement per question, with its first two probabilities exchanged."""
        return [_turned(judgement) for judgement in self._inner.judge(tuple(questions))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _turned(judgement: Judgement) -> Judgement:
    yes, no, maybe = judgement.probabilities
    return replace(judgement, probabilities=(no, yes, maybe))
