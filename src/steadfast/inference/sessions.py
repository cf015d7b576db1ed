"""ONNX Runtime sessions: one per model, however many threads ask for it at once."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import RuntimeMissing

Tensor = NDArray[Any]


class ModelSession:
    """A loaded model."""

    def __init__(self, path: Path, *, intra_threads: int = 1) -> None:
        try:
            import onnxruntime as ort  # noqa: PLC0415 — an optional extra
        except ImportError as error:
            raise RuntimeMissing("No ONNX Runtime is installed.") from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = intra_threads
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.input_names = tuple(i.name for i in self._session.get_inputs())
        self.output_names = tuple(o.name for o in self._session.get_outputs())

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every output by its name."""
        outputs = self._session.run(None, dict(feeds))
        return {name: np.asarray(value) for name, value in zip(self.output_names, outputs, strict=True)}


class SessionCache:
    """Loaded models by name; each is loaded once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: dict[str, ModelSession] = {}

    def get(self, name: str, path: Path) -> ModelSession:
        """The session of the model, loaded now if it was not."""
        with self._lock:
            if name not in self._sessions:
                self._sessions[name] = ModelSession(path)
            return self._sessions[name]
