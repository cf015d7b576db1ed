"""What ONNX Runtime raises, told in this program's words."""

import re

from steadfast.errors import (
    ModelDamaged,
    ModelProblem,
    OutOfDeviceMemory,
    OutOfHostMemory,
    OutOfMemory,
    SteadfastError,
)

# The runtime has no class for it: memory that ran out is told from the text of CUDA, cuDNN, cuBLAS, HIP,
# Direct3D and of the runtime's own arena.
_DEVICE_TEXT = re.compile(
    r"(cuda|hip|cudnn|cublas|tensorrt|d3d|dxgi|gpu).{0,80}(out of memory|alloc_failed|outofmemory)"
    r"|(out of memory|alloc_failed).{0,80}(cuda|hip|cudnn|cublas|gpu)",
    re.IGNORECASE | re.DOTALL,
)
_ARENA_TEXT = re.compile(
    r"failed to allocate memory for requested buffer|available memory of \d+ is smaller than requested",
    re.IGNORECASE,
)
_HOST_TEXT = re.compile(r"bad_alloc|bad allocation|cannot allocate memory|out of memory", re.IGNORECASE)
_LONGEST = 300  # characters of the runtime's text that a person is shown


def load_failure(error: BaseException, *, model: str, on_device: bool) -> SteadfastError:
    """Why a model did not load: memory ran out, or its file is no usable graph."""
    return memory_failure(error, model=model, on_device=on_device) or ModelDamaged(
        f"The model {model} does not load: {first_words(error)}", model=model
    )


def run_failure(error: BaseException, *, model: str, on_device: bool) -> SteadfastError:
    """Why a run failed: memory ran out, or the graph and what it was fed do not fit."""
    return memory_failure(error, model=model, on_device=on_device) or ModelProblem(
        f"The model {model} failed while running: {first_words(error)}"
    )


def memory_failure(error: BaseException, *, model: str, on_device: bool) -> OutOfMemory | None:
    """The memory that ran out, if that is what the error says.

    The runtime's arena says the same of both memories: there `on_device` decides.
    """
    text = str(error)
    if _DEVICE_TEXT.search(text) or (on_device and _ARENA_TEXT.search(text)):
        return OutOfDeviceMemory(f"The accelerator has too little memory left for the model {model}.")
    if isinstance(error, MemoryError) or _ARENA_TEXT.search(text) or _HOST_TEXT.search(text):
        return OutOfHostMemory(f"There is too little memory left for the model {model}.")
    return None


def first_words(error: BaseException) -> str:
    """The runtime's text on one line, cut where it becomes a dump."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
