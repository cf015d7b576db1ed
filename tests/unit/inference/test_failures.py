"""What the runtime says is told in this program's words, whichever provider says it."""

import pytest

from steadfast.errors import ModelDamaged, ModelProblem, OutOfDeviceMemory, OutOfHostMemory
from steadfast.inference.failures import load_failure, run_failure

DEVICE = [
    "CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; expr=cudaMalloc((void**)&p, size);",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
    "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED",
    "HIP failure 2: hipErrorOutOfMemory",
    "[ErrorCode:RuntimeException] DXGI_ERROR: GPU out of memory",
]
ARENA = [
    "bfc_arena.cc:376 AllocateRawInternal Failed to allocate memory for requested buffer of size 2147483648",
    "bfc_arena.cc:307 Available memory of 100 is smaller than requested bytes of 200",
]


@pytest.mark.parametrize("text", DEVICE)
@pytest.mark.parametrize("tell", [load_failure, run_failure])
def test_a_full_device_is_told_from_its_text(text: str, tell: object) -> None:
    assert callable(tell)
    assert isinstance(tell(RuntimeError(text), model="m", on_device=True), OutOfDeviceMemory)


@pytest.mark.parametrize("text", ARENA)
def test_a_full_arena_is_the_devices_only_where_the_model_is_on_the_device(text: str) -> None:
    assert isinstance(run_failure(RuntimeError(text), model="m", on_device=True), OutOfDeviceMemory)
    assert isinstance(run_failure(RuntimeError(text), model="m", on_device=False), OutOfHostMemory)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("bad allocation")]
)
def test_the_machines_own_memory_is_told_from_the_devices(error: BaseException) -> None:
    assert isinstance(run_failure(error, model="m", on_device=True), OutOfHostMemory)


def test_everything_else_is_the_models_fault_and_keeps_the_runtimes_words_short() -> None:
    damaged = load_failure(
        RuntimeError("Protobuf\n parsing failed. " + "x" * 900), model="m", on_device=False
    )
    assert isinstance(damaged, ModelDamaged)
    assert "The model m does not load: Protobuf parsing failed." in damaged.detail
    assert len(damaged.detail) < 400
    assert type(run_failure(RuntimeError("odd"), model="m", on_device=False)) is ModelProblem
