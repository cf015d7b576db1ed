"""A failure is booked where it belongs."""

import pytest

from steadfast.errors import (
    BlobStoreUnreachable,
    BreakerOpen,
    DamagedMedia,
    DeadlineExceeded,
    DiskFull,
    InvalidModelOutput,
    ModelMissing,
    NoFace,
    OutOfDeviceMemory,
    ServiceError,
    ShuttingDown,
    SteadfastError,
    TooManyBadFrames,
    WorkerCrashed,
)
from steadfast.jobs.faults import judge
from steadfast.jobs.job import Fault


@pytest.mark.parametrize(
    "error",
    [
        WorkerCrashed("SIGKILL."),
        BreakerOpen("Paused."),
        ShuttingDown("Stopping."),
        DiskFull("Full."),
        BlobStoreUnreachable("Away."),
        ModelMissing("Gone."),
    ],
)
def test_what_the_step_did_not_do_does_not_count(error: SteadfastError) -> None:
    assert judge(error).fault is Fault.OUTSIDE


@pytest.mark.parametrize(
    "error",
    [
        WorkerCrashed("SIGSEGV.", by_input=True),
        InvalidModelOutput("NaN."),
        OutOfDeviceMemory("Too large."),
        DeadlineExceeded("Hours."),
        ServiceError("A bug."),
    ],
)
def test_what_may_be_its_own_doing_counts_and_is_tried_again(error: SteadfastError) -> None:
    judgement = judge(error)
    assert (judgement.fault, judgement.is_final) == (Fault.STEP, False)


@pytest.mark.parametrize("error", [NoFace("None."), DamagedMedia("Cut."), TooManyBadFrames("All.")])
def test_what_would_only_happen_again_is_final(error: SteadfastError) -> None:
    judgement = judge(error)
    assert (judgement.fault, judgement.is_final) == (Fault.STEP, True)


def test_a_full_disk_holds_the_job_and_says_why() -> None:
    assert judge(DiskFull("No space is left.")).held == "disk_full: No space is left."
