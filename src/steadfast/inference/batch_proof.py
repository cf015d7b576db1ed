"""Whether a graph whose batch was opened still answers as the graph it was made from."""

from collections.abc import Collection

import numpy as np

from steadfast.errors import InvalidModelOutput
from steadfast.inference.loaded_model import GraphSignature, LoadedModel
from steadfast.inference.outputs import Tensor

_COUNT = 2  # pictures at once: enough to tell a batch from one
_SAME = 0.02  # largest difference, relative to the largest number: half precision and other kernels make some


def proof_feeds(signature: GraphSignature, inputs: Collection[str]) -> dict[str, Tensor]:
    """Numbers from 0 to 1 for two pictures, different from each other.

    Raises InvalidModelOutput for a graph that takes anything else than one picture of a known size.
    """
    chance = np.random.default_rng(0)
    feeds: dict[str, Tensor] = {}
    for name, spec in signature.inputs.items():
        if name not in inputs or spec.float_type is None or spec.shape[:1] != (1,) or None in spec.shape:
            raise InvalidModelOutput(f"its input '{name}' is no single picture of a known size")
        lengths = [n for n in spec.shape[1:] if n is not None]
        feeds[name] = chance.random((_COUNT, *lengths), dtype=np.float32)
    return feeds


def one_by_one(model: LoadedModel, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
    """The answers of the graph as it was exported."""
    rows = [model.run({name: value[row : row + 1] for name, value in feeds.items()}) for row in range(_COUNT)]
    return {name: np.concatenate([row[name] for row in rows]) for name in model.signature.outputs}


def require_same(model: LoadedModel, feeds: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raises InvalidModelOutput where the opened graph answers otherwise, to two at once or to one."""
    for count in (_COUNT, 1):
        answers = model.run({name: value[:count] for name, value in feeds.items()})
        for name, value in expected.items():
            wanted = value[: len(value) * count // _COUNT]
            have = answers[name]
            if have.shape != wanted.shape or not _near(have, wanted):
                raise InvalidModelOutput(f"with an open batch it answers otherwise in '{name}'")


def _near(have: Tensor, wanted: Tensor) -> bool:
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    return float(np.abs(have - wanted).max(initial=0.0)) <= _SAME * scale
