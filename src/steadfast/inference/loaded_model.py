"""A graph in memory: what it takes, what it answers, and where it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steadfast.inference.failures import run_failure
from steadfast.inference.outputs import Tensor, require_finite
from steadfast.inference.providers import ProviderChoice
from steadfast.inference.runtime import NativeSession

_FLOATS: dict[str, type[np.floating[Any]]] = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InputSpec:
    """What a graph declares of one input."""

    shape: tuple[int | None, ...]  # None where the length is open
    float_type: type[np.floating[Any]] | None  # None for what is no float tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphSignature:
    """What a graph takes and answers."""

    inputs: dict[str, InputSpec]  # in the graph's order
    outputs: tuple[str, ...]  # in the graph's order


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A graph in memory."""

    name: str
    native: NativeSession
    signature: GraphSignature
    choice: ProviderChoice  # what it runs on, and what was skipped for it
    run_options: Any  # handed to every run; None: the runtime's defaults
    has_open_batch: bool = False  # whether it is a copy that takes several where the file takes one

    @property
    def on_device(self) -> bool:
        """Whether it takes the accelerator's memory."""
        return self.choice.taken[0].has_own_memory

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every output by its name, finite, and floats as float32; see `ModelSession.run` for the errors."""
        names = self.signature.outputs
        typed = {name: self._typed(name, value) for name, value in feeds.items()}
        try:
            values = self.native.run(list(names), typed, self.run_options)
        except Exception as error:  # the boundary: the runtime raises a dozen unrelated classes
            raise run_failure(error, model=self.name, on_device=self.on_device) from error
        answers = {name: _widened(value) for name, value in zip(names, values, strict=True)}
        return {name: require_finite(value, model=self.name, output=name) for name, value in answers.items()}

    def _typed(self, name: str, value: Tensor) -> Tensor:
        """Floats in the width the graph declares: half-precision graphs differ in what they take."""
        spec = self.signature.inputs.get(name)
        if spec is None or spec.float_type is None or not np.issubdtype(value.dtype, np.floating):
            return value
        return value.astype(spec.float_type, copy=False)


def signature_of(native: NativeSession) -> GraphSignature:
    """What the runtime says of a graph."""
    inputs = {
        spec.name: InputSpec(
            shape=tuple(n if isinstance(n, int) and n > 0 else None for n in spec.shape),
            float_type=_FLOATS.get(spec.type),
        )
        for spec in native.get_inputs()
    }
    return GraphSignature(inputs=inputs, outputs=tuple(spec.name for spec in native.get_outputs()))


def _widened(value: Any) -> Tensor:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype in (np.float16, np.float64) else array
