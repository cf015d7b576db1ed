"""Errors cross processes and come back as what they were; out-of-memory is known by any name."""

import errno
import os

import pytest

from steadfast.errors import (
    DamagedMedia,
    DiskFull,
    EncodingFailed,
    ModelDamaged,
    NoFace,
    OutOfDeviceMemory,
    OutOfHostMemory,
    ServiceError,
    SteadfastError,
)
from steadfast.runtime.failure import error_of, failure_of, out_of_memory_class
from steadfast.runtime.messages import Failure


def every_error(root: type[SteadfastError] = SteadfastError) -> list[type[SteadfastError]]:
    below = [kind for child in root.__subclasses__() for kind in every_error(child)]
    return [kind for kind in (root, *below) if kind.__module__ == "steadfast.errors"]


@pytest.mark.parametrize("kind", every_error())
def test_every_declared_error_can_be_rebuilt_from_plain_words(kind: type[SteadfastError]) -> None:
    rebuilt = error_of(Failure(code=kind.code, detail="It was so.", remedy="Do this."))
    assert isinstance(rebuilt, SteadfastError)
    assert (rebuilt.detail, rebuilt.remedy) == ("It was so.", "Do this.")


class CudaOutOfMemoryError(Exception):
    """As torch names it."""


DEVICE = [
    RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 2: out of memory ; GPU=0"),
    RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 7.79 GiB total capacity)"),
    RuntimeError("[TRT] OutOfMemory (Requested size was 1073741824 bytes)"),
    RuntimeError("HIP out of memory. Tried to allocate 20.00 MiB"),
    CudaOutOfMemoryError("Tried to allocate 2.00 GiB"),
]
HOST = [
    MemoryError(),
    RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 4096"),
    RuntimeError("std::bad_alloc"),
    ValueError("Unable to allocate 3.00 GiB for an array with shape (1, 2)"),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    RuntimeError("OpenCV(4.12.0) error: (-4:Insufficient memory) Failed to allocate 30000000 bytes"),
]


@pytest.mark.parametrize("error", DEVICE, ids=str)
def test_every_runtimes_words_for_no_device_memory_are_known(error: Exception) -> None:
    assert out_of_memory_class(error) is OutOfDeviceMemory
    assert failure_of(error).code == "out_of_device_memory"


@pytest.mark.parametrize("error", HOST, ids=str)
def test_every_librarys_words_for_no_host_memory_are_known(error: Exception) -> None:
    assert out_of_memory_class(error) is OutOfHostMemory
    assert failure_of(error).code == "out_of_host_memory"


@pytest.mark.parametrize("error", [ValueError("bad shape"), RuntimeError("CUDA failure 700: illegal access")])
def test_other_failures_are_not_mistaken_for_it(error: Exception) -> None:
    assert out_of_memory_class(error) is None


def test_it_is_found_behind_the_error_that_hides_it() -> None:
    error = RuntimeError("session failed")
    error.__cause__ = MemoryError()
    assert failure_of(error).code == "out_of_host_memory"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/x"),
        RuntimeError("can't start new thread"),
        RuntimeError("[ONNXRuntimeError] : 1 : FAIL : open failed: Too many open files"),
    ],
    ids=str,
)
def test_files_and_threads_that_ran_out_are_known_also_behind_an_error_of_our_own(error: Exception) -> None:
    assert failure_of(error).code == "out_of_handles"
    hidden = DamagedMedia("It cannot be opened.")
    hidden.__cause__ = error
    assert failure_of(hidden).code == "out_of_handles"


def _descendants(root: type[SteadfastError]) -> list[type[SteadfastError]]:
    return [root, *(found for child in root.__subclasses__() for found in _descendants(child))]


def _made_of_words(kind: type[SteadfastError]) -> bool:
    """Whether a worker can mean it; errors of the layers above may carry more."""
    try:
        kind("It went wrong.", remedy="Do this.")
    except TypeError:
        return False
    return True


WORDS = [kind for kind in _descendants(SteadfastError) if _made_of_words(kind)]


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_every_declared_error_comes_back_as_itself(kind: type[SteadfastError]) -> None:
    there = error_of(failure_of(kind("It went wrong.", remedy="Do this.")))
    assert type(there) is kind
    assert (there.detail, there.remedy) == ("It went wrong.", "Do this.")


def test_a_damaged_model_keeps_its_name() -> None:
    back = error_of(failure_of(ModelDamaged("Its sum is wrong.", model="yunet")))
    assert isinstance(back, ModelDamaged)
    assert back.model == "yunet"


def test_a_bug_becomes_our_fault_and_carries_its_traceback() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        failure = failure_of(error)
    assert failure.code == "internal_error"
    assert "test_failure.py" in failure.trace
    assert failure_of(NoFace("none")).trace == ""


def test_a_full_disk_is_known() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert failure_of(full).code == DiskFull.code
    hidden = EncodingFailed("The video cannot be completed.")
    hidden.__cause__ = full  # a job waits for room; one whose encoder is broken is lost
    assert failure_of(hidden).code == DiskFull.code


def test_a_code_that_nobody_declared_is_our_fault() -> None:
    assert type(error_of(Failure(code="invented", detail="x"))) is ServiceError


def test_a_hostile_workers_endless_words_are_cut() -> None:
    assert len(failure_of(NoFace("x" * 1_000_000)).detail) <= 2_000
