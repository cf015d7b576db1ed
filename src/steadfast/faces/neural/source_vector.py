"""From what ArcFace says of a person to the vector a swapper is fed."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput, ModelDamaged
from steadfast.faces.neural.identity import DIMENSIONS, unit_length
from steadfast.faces.neural.swap_models import SourceRule, SwapModel
from steadfast.inference.initializers import last_initializer
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import ModelSession

Vector = NDArray[np.float32]
"""512."""

SourceVector = Callable[[Vector], Vector]
"""Takes the mean of what ArcFace answered (with its length), gives what the swapper is fed."""


def mean_measure(measures: Sequence[Vector]) -> Vector:
    """One vector for several photos of a person: the mean direction, at the mean length.

    Each is brought to length 1 first, so that no photo counts for more because its vector is longer.
    """
    direction = unit_length(np.mean([unit_length(m) for m in measures], axis=0))
    length = np.mean([np.linalg.norm(m) for m in measures])
    return np.asarray(direction * length, dtype=np.float32)


def source_vector_of(model: SwapModel, path: Path, converter: ModelSession | None) -> SourceVector:
    """The rule of a swapper, ready to use. Raises ModelDamaged where its file lacks what the rule needs."""
    if model.source_rule is SourceRule.EMAP:
        return partial(through_emap, emap=read_emap(path))
    if model.source_rule is SourceRule.CONVERTED:
        assert converter is not None, f"{model.name} needs its converter"
        return partial(through_converter, converter=converter)
    return unit_length


def read_emap(path: Path) -> NDArray[np.float32]:
    """The matrix inside an inswapper file, 512 × 512: the last constant of its graph."""
    emap = last_initializer(path)
    if emap.shape != (DIMENSIONS, DIMENSIONS):
        raise ModelDamaged(f"{path.name} does not end with a {DIMENSIONS} × {DIMENSIONS} matrix.")
    return emap


def through_emap(measure: Vector, *, emap: NDArray[np.float32]) -> Vector:
    """embedding · emap / ‖embedding‖, as inswapper was trained; its own length is left as it comes."""
    length = np.linalg.norm(measure)
    if not length > 0:
        raise InvalidModelOutput("The identity model answered a vector without length.")
    return (measure @ emap / length).astype(np.float32)


def through_converter(measure: Vector, *, converter: ModelSession) -> Vector:
    """The measure, with its length, in the space of another face recogniser, at length 1."""
    answer = converter.run({"input": measure[None]})
    name, value = next(iter(answer.items()))
    return unit_length(require_shape(value, (1, DIMENSIONS), model=converter.name, output=name)[0])
