"""Errors as plain data between processes, and back to the class that the code names."""

import errno
import traceback
from collections.abc import Iterator

from steadfast.errors import (
    DiskFull,
    ModelDamaged,
    OutOfDeviceMemory,
    OutOfHandles,
    OutOfHostMemory,
    ServiceError,
    SteadfastError,
)
from steadfast.runtime.messages import Failure

MAX_DETAIL_CHARS = 2_000
MAX_TRACE_CHARS = 16_000

# What the runtimes say when a device has no memory left. ONNX Runtime and TensorRT know no class of their
# own for it, and torch is not imported to ask for its class: the text is all there is.
_DEVICE_MEMORY_PHRASES = (
    "cuda out of memory",
    "out of memory on device",
    "cudaerrormemoryallocation",
    "cuda_error_out_of_memory",
    "cuda failure 2",  # ONNX Runtime: "CUDA failure 2: out of memory"
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error_device_allocation_failed",
    "hip out of memory",
    "hiperroroutofmemory",
    "outofmemory (requested size",  # TensorRT
    "tensorrt was unable to allocate",
    "dxgi_error_device_removed: out of memory",
    "gpu memory is not enough",
)
_HOST_MEMORY_PHRASES = (
    "std::bad_alloc",
    "bad allocation",
    "failed to allocate memory for requested buffer",  # ONNX Runtime's arena, on the CPU
    "cannot allocate memory",
    "unable to allocate",  # numpy
    "insufficient memory",  # OpenCV
    "defaultcpuallocator: not enough memory",  # torch
)
_NO_HANDLES_PHRASES = ("too many open files", "can't start new thread")


def failure_of(error: BaseException) -> Failure:
    """`error` as plain data; memory, disk or handles that ran out are known whatever class brings them."""
    known = declared(error)
    trace = "" if isinstance(error, SteadfastError) else _trace_of(error)
    return Failure(
        code=known.code,
        detail=known.detail[:MAX_DETAIL_CHARS],
        remedy=known.remedy[:MAX_DETAIL_CHARS],
        model=known.model if isinstance(known, ModelDamaged) else None,
        trace=trace,
    )


def declared(error: BaseException) -> SteadfastError:
    """The error of our own tree that `error` amounts to."""
    if isinstance(error, OutOfHandles | DiskFull):
        return error
    # Also behind an error of our own: what could not be opened is not damaged, nor its encoder broken.
    if any(map(_says_no_handles, _chain(error))):
        return OutOfHandles(f"The worker could open or start nothing more ({type(error).__name__}: {error}).")
    if any(getattr(link, "errno", None) in (errno.ENOSPC, errno.EDQUOT) for link in _chain(error)):
        return DiskFull("The disk is full.")
    if isinstance(error, SteadfastError):
        return error
    text = f"{type(error).__name__}: {error}"
    if memory := out_of_memory_class(error):
        return memory(f"Memory ran out while the request was worked on ({text}).")
    return ServiceError(f"An unexpected error ended the work ({text}).")


def out_of_memory_class(error: BaseException) -> type[OutOfDeviceMemory | OutOfHostMemory] | None:
    """Which memory ran out, if that is what `error` (or what caused it) says."""
    for link in _chain(error):
        name = type(link).__name__.lower()
        text = str(link).lower()
        on_device = any(word in text for word in ("cuda", "gpu", "device", "tensorrt", "hip"))
        if "outofmemory" in name or any(phrase in text for phrase in _DEVICE_MEMORY_PHRASES):
            return OutOfDeviceMemory if on_device or "host" not in text else OutOfHostMemory
        if isinstance(link, MemoryError) or any(phrase in text for phrase in _HOST_MEMORY_PHRASES):
            return OutOfDeviceMemory if "cuda" in text else OutOfHostMemory
    return None


def _says_no_handles(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return True
    text = str(error).lower()
    return any(phrase in text for phrase in _NO_HANDLES_PHRASES)


def error_of(failure: Failure) -> SteadfastError:
    """The exception that `failure` was; a code that no worker can mean becomes a `ServiceError`."""
    kind = _classes_by_code().get(failure.code, ServiceError)
    remedy = failure.remedy or None
    if issubclass(kind, ModelDamaged):
        return kind(failure.detail, remedy=remedy, model=failure.model)
    try:
        return kind(failure.detail, remedy=remedy)
    except TypeError:  # an error of the layers above, which carries more than words
        return ServiceError(failure.detail, remedy=remedy)


def is_unexpected(failure: Failure) -> bool:
    """Whether it was an error that nobody declared: a bug of ours, or something we do not know yet."""
    return bool(failure.trace) and failure.code == ServiceError.code


_by_code: dict[str, type[SteadfastError]] = {}


def _classes_by_code() -> dict[str, type[SteadfastError]]:
    if not _by_code:
        _by_code.update({kind.code: kind for kind in _descendants(SteadfastError)})
    return _by_code


def _descendants(root: type[SteadfastError]) -> Iterator[type[SteadfastError]]:
    yield root
    for child in root.__subclasses__():
        yield from _descendants(child)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _trace_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-MAX_TRACE_CHARS:]
