"""What goes wrong in a worker, for real: each act is done in the worker's own process."""

import builtins
import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from steadfast.drill.orders import Act, Order

_EVER_S: Final = 3600
_PAGE_BYTES: Final = 4096

# Each runtime's own words for a device without memory; the class is made here where it is not loaded.
DEVICE_OUT_OF_MEMORY: Final = {
    "onnxruntime": (
        "onnxruntime.capi.onnxruntime_pybind11_state",
        "RuntimeException",
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. "
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=drill ; expr=cudaMalloc((void**)&p, size);",
    ),
    "torch": (
        "torch",
        "OutOfMemoryError",
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.65 GiB of which "
        "1.12 GiB is free.",
    ),
    "tensorrt": (
        "builtins",
        "RuntimeError",
        "[executionContext.cpp::ExecutionContext::585] Error Code 2: OutOfMemory "
        "(Requested size was 1073741824 bytes.)",
    ),
    "cublas": (
        "builtins",
        "RuntimeError",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ),
    "hip": ("torch", "OutOfMemoryError", "HIP out of memory. Tried to allocate 2.00 GiB (GPU 0)."),
}


def fall_in_native_code() -> None:
    """SIGSEGV inside C."""
    ctypes.string_at(0)


def hang_with_the_gil() -> None:
    """Never returns and never lets go of Python's lock."""
    while True:
        ctypes.PyDLL(None).sleep(_EVER_S)  # PyDLL keeps the lock during the call, CDLL would not


def compute_for_ever() -> None:
    """Never returns and takes a whole core."""
    while True:
        pass


def device_error(runtime: str) -> Exception:
    """What that runtime raises when its device has no memory left; its own class where it is installed."""
    module, name, words = DEVICE_OUT_OF_MEMORY[runtime]
    kind = getattr(builtins, name, None) if module == "builtins" else _class_of(module, name)
    error: Exception = (kind or type(name, (RuntimeError,), {}))(words)
    return error


def _class_of(module: str, name: str) -> type[Exception] | None:
    import sys  # noqa: PLC0415

    # Only one that is loaded already: importing torch takes seconds and half a gigabyte.
    return getattr(sys.modules.get(module), name, None)


class Harm:
    """Does what orders say, and keeps what was leaked."""

    def __init__(self) -> None:
        self._hoard: list[bytearray] = []
        self._descriptors: list[int] = []
        self._enough = threading.Event()
        self._step = 0
        self._acts: dict[Act, Callable[[Order], None]] = {
            Act.SEGFAULT: lambda _: fall_in_native_code(),
            Act.HANG_WITH_GIL: lambda _: hang_with_the_gil(),
            Act.SLEEP: lambda _: time.sleep(_EVER_S),
            Act.BUSY_LOOP: lambda _: compute_for_ever(),
            Act.ALLOCATE: self._allocate,
            Act.RAISE: self._raise,
            Act.LEAK_MEMORY: self._leak_memory,
            Act.LEAK_DESCRIPTORS: self._leak_descriptors,
            Act.LEAK_THREADS: self._leak_threads,
        }

    def stand_at(self, step: int) -> None:
        """The step of the ladder that the task was loaded at."""
        self._step = step

    def do(self, order: Order) -> None:
        """Whatever can be done before the work; `slow`, `nan` and `wrong` are for who does the work."""
        if order.act in self._acts:
            self._acts[order.act](order)

    def _allocate(self, order: Order) -> None:
        block = bytearray(int(order.amount) >> (3 * self._step))
        block[::_PAGE_BYTES] = b"x" * len(block[::_PAGE_BYTES])  # until a page is written it takes no memory

    def _raise(self, order: Order) -> None:
        if self._step == 0:
            raise device_error(order.text)

    def _leak_memory(self, order: Order) -> None:
        self._hoard.append(bytearray(os.urandom(1 << 16) * (int(order.amount) >> 16)))

    def _leak_descriptors(self, order: Order) -> None:
        self._descriptors += [os.open(os.devnull, os.O_RDONLY) for _ in range(int(order.amount))]

    def _leak_threads(self, order: Order) -> None:
        for _ in range(int(order.amount)):
            threading.Thread(target=self._enough.wait, daemon=True).start()

    def give_back(self) -> None:
        """Everything that was leaked."""
        self._enough.set()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        self._hoard.clear()
