"""Twins of what cannot be had in a test: a runtime with accelerators that fail on command, and small graphs.

Nothing here runs in production; drills and tests of every layer above use it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CPU = "CPUExecutionProvider"

Shape = Sequence[int | str]
"""A string leaves a length open."""


@dataclass(frozen=True, kw_only=True)
class FakeTensorSpec:
    """What `get_inputs` and `get_outputs` answer."""

    name: str
    type: str = "tensor(float)"
    shape: tuple[int | str | None, ...] = (1,)


@dataclass(kw_only=True)
class FakeSession:
    """A session that answers its first input, and remembers how it was made and run."""

    path: str
    options: Any
    providers: list[tuple[str, dict[str, str]]]
    runtime: "FakeRuntime"
    runs: list[Any] = field(default_factory=list)  # the run options of each run

    def get_inputs(self) -> Sequence[FakeTensorSpec]:
        """One input, `x`."""
        return (FakeTensorSpec(name="x", type=self.runtime.input_type),)

    def get_outputs(self) -> Sequence[FakeTensorSpec]:
        """One output, `y`."""
        return (FakeTensorSpec(name="y"),)

    def get_providers(self) -> Sequence[str]:
        """Those asked for, less those that are absent in silence, and always the CPU's."""
        asked = [name for name, _ in self.providers if name not in self.runtime.silently_absent]
        return list(dict.fromkeys([*asked, CPU]))

    def run(self, _: Sequence[str] | None, feeds: dict[str, Any], run_options: Any = None) -> list[Any]:
        """The input as it came, unless the runtime was told what to do."""
        self.runs.append(run_options)
        self.runtime.during_run(self)
        return [np.asarray(feeds["x"])]


class FakeOptions:
    """Stands for SessionOptions and RunOptions: remembers what was set."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Remembers it."""
        self.entries[key] = value

    def add_run_config_entry(self, key: str, value: str) -> None:
        """Remembers it."""
        self.entries[key] = value


def _nothing(_: Any) -> None:
    """The default of every hook."""


@dataclass(kw_only=True)
class FakeRuntime:
    """Stands for the module `onnxruntime`; hooks raise what a driver or a full device would."""

    available: Sequence[str] = (CPU,)
    silently_absent: Sequence[
        str
    ] = ()  # asked for, left out without an error, as CUDA is without its libraries
    on_create: Callable[[FakeSession], None] = _nothing  # may raise
    during_run: Callable[[FakeSession], None] = _nothing  # may raise
    input_type: str = "tensor(float)"
    made: list[FakeSession] = field(default_factory=list)
    __version__: str = "0"
    __file__: str | None = None
    SessionOptions: Any = FakeOptions
    RunOptions: Any = FakeOptions

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> "FakeRuntime":
        """Itself: what `SessionCache(runtime=…)` calls to import the runtime."""
        return self

    def get_available_providers(self) -> list[str]:
        """What the build was compiled with."""
        return list(self.available)

    def InferenceSession(self, path: str, options: Any, **keywords: Any) -> FakeSession:  # noqa: N802
        """A session, unless the hook raises."""
        session = FakeSession(path=path, options=options, providers=keywords["providers"], runtime=self)
        self.on_create(session)
        with self._lock:
            self.made.append(session)
        return session


def write_graph(
    path: Path,
    nodes: Sequence[tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]],
    *,
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    constants: Mapping[str, NDArray[Any]] | None = None,
    half_precision: bool = False,
) -> Path:
    """An ONNX file of these nodes (operator, inputs, outputs, attributes); constants keep their order.

    Needs the package `onnx`, which only developers have. `half_precision` declares what goes in and comes out
    float16.
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save  # noqa: PLC0415

    kind = TensorProto.FLOAT16 if half_precision else TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(kind_, list(i), list(o), **attributes) for kind_, i, o, attributes in nodes],
        path.stem,
        [helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    save(model, path)
    return path
