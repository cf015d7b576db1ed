"""Who is to blame for a failed attempt, and whether another one may go better."""

from dataclasses import dataclass

from steadfast.errors import (
    BlobProblem,
    BreakerOpen,
    CallerError,
    DatabaseProblem,
    DiskFull,
    EngineUnavailable,
    ModelProblem,
    Overloaded,
    RequestCancelled,
    ServiceUnsupported,
    ShuttingDown,
    SteadfastError,
    TooManyBadFrames,
    WorkerCrashed,
)
from steadfast.errors import InvalidModelOutput as WrongAnswer
from steadfast.jobs.job import Fault

DISK_FULL = "disk_full"
"""What a job is held for until there is room: the beginning of `held`."""

_OUTSIDE = (
    BlobProblem,
    BreakerOpen,
    DatabaseProblem,
    DiskFull,
    EngineUnavailable,
    ModelProblem,
    Overloaded,
    RequestCancelled,
    ServiceUnsupported,
    ShuttingDown,
)
"""Nothing that the step did; the next attempt may find the world mended."""
_PAUSE_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What an error says of the attempt that it ended."""

    fault: Fault
    is_final: bool = False
    """The same would happen again: no other attempt is made."""
    pause_s: float = 0.0
    """How long to wait before anything is begun, since it would probably fail alike."""
    held: str = ""
    """Why the job waits, where only time or an operator can help."""


def judge(error: SteadfastError) -> Judgement:
    """Books deaths by input, wrong answers and what nobody declared on the step, the rest on the outside."""
    match error:
        case WorkerCrashed():
            return Judgement(fault=Fault.STEP if error.by_input else Fault.OUTSIDE)
        case WrongAnswer():
            return Judgement(fault=Fault.STEP)
        case DiskFull():
            return Judgement(fault=Fault.OUTSIDE, pause_s=_PAUSE_S, held=f"{DISK_FULL}: {error.detail}")
        case _ if isinstance(error, _OUTSIDE):
            return Judgement(fault=Fault.OUTSIDE, pause_s=_PAUSE_S)
        case CallerError() | TooManyBadFrames():
            return Judgement(fault=Fault.STEP, is_final=True)
    return Judgement(fault=Fault.STEP)
