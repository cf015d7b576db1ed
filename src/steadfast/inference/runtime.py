"""The one place that imports ONNX Runtime, which is an optional extra."""

import importlib
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from steadfast.errors import RuntimeMissing

_log = logging.getLogger(__name__)

QUIET = 4  # only what is fatal: every other failure comes back as an exception and is told once
TALKATIVE = 1  # with the logger `steadfast.inference` at DEBUG the runtime's own lines are wanted


class NativeSession(Protocol):
    """What this program uses of `onnxruntime.InferenceSession`."""

    def run(self, output_names: Sequence[str] | None, feeds: dict[str, Any], run_options: Any = None) -> Any:
        """The outputs in order."""
        ...

    def get_inputs(self) -> Sequence[Any]:
        """Name, type and shape of each input."""
        ...

    def get_outputs(self) -> Sequence[Any]:
        """Name, type and shape of each output."""
        ...

    def get_providers(self) -> Sequence[str]:
        """The providers that did initialise, by the runtime's names."""
        ...


class OnnxRuntime(Protocol):
    """What this program uses of the module `onnxruntime`; tests hand in their own."""

    __version__: str
    __file__: str | None
    SessionOptions: Any
    RunOptions: Any

    @property
    def InferenceSession(self) -> Any:  # noqa: N802 — its name there
        """The class of sessions."""
        ...

    def get_available_providers(self) -> list[str]:
        """The providers this build was compiled with, by the runtime's names."""
        ...


def import_runtime() -> OnnxRuntime:
    """The installed ONNX Runtime, with its chatter on stderr silenced.

    Raises RuntimeMissing with one sentence where none is installed or where it does not load.
    """
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime":
            raise RuntimeMissing("No ONNX Runtime is installed.") from error
        raise RuntimeMissing(f"ONNX Runtime is installed but does not load: {error}") from error
    if not hasattr(runtime, "InferenceSession"):
        # What an uninstall of one of two overlapping packages leaves: a folder without the library.
        raise RuntimeMissing("ONNX Runtime is only half installed; install one of its packages again.")
    runtime.set_default_logger_severity(log_severity())
    return runtime  # type: ignore[no-any-return]


def log_severity() -> int:
    """From which severity on ONNX Runtime may write to stderr."""
    return TALKATIVE if _log.isEnabledFor(logging.DEBUG) else QUIET
