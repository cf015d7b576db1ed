"""Models that answer nonsense, and what the service makes of it."""

from typing import Any, cast

import numpy as np
import pytest

from steadfast.drill.hooks.models import ContraryModel, NanSession, ShrinkingLandmarker, with_nan
from steadfast.entailment.model import Judgement
from steadfast.errors import InvalidModelOutput
from steadfast.faces.face import Landmarks, Topology
from steadfast.inference.loaded_model import GraphSignature, LoadedModel
from steadfast.inference.providers import ProviderChoice


class Native:
    """A graph that answers one number."""

    def run(self, names: Any, feeds: Any, options: Any = None) -> list[Any]:
        return [np.array([1.0], np.float32), np.array([3])]


def test_nan_is_put_where_floats_are_and_is_refused_before_anybody_uses_it() -> None:
    choice = cast(ProviderChoice, None)
    signature = GraphSignature(inputs={}, outputs=("points", "count"))
    model = LoadedModel(
        name="m", native=cast(Any, NanSession(Native())), signature=signature, choice=choice, run_options=None
    )
    with pytest.raises(InvalidModelOutput):
        model.run({})
    assert with_nan(np.array([3])) == 3


def test_a_face_that_is_seen_wrongly_is_finite_smaller_and_elsewhere() -> None:
    points = np.array([[10, 10], [50, 10], [30, 60]], np.float32)

    class Right:
        topology = Topology.IBUG_68

        def locate(self, image: Any, hint: Any) -> Landmarks:
            return Landmarks(topology=Topology.IBUG_68, points=points, depth=None, presence=1.0)

    seen = ShrinkingLandmarker(cast(Any, Right())).locate(cast(Any, None), cast(Any, None))
    assert seen is not None
    assert np.isfinite(seen.points).all()
    assert np.ptp(seen.points, axis=0) == pytest.approx(0.6 * np.ptp(points, axis=0))


def test_a_contrary_model_takes_yes_for_no_in_probabilities_that_add_up() -> None:
    class Right:
        name = "m"

        def judge(self, questions: Any) -> list[Judgement]:
            return [Judgement(probabilities=(0.7, 0.2, 0.1))]

    model = ContraryModel(cast(Any, Right()))
    (judgement,) = model.judge(())
    assert judgement.probabilities == (0.2, 0.7, 0.1)
    assert model.name == "m"
