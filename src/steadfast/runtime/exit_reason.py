"""Why a worker died: exit code, signal, the kernel's OOM killer, or our own kill; and whose fault that is.

A Python handler never runs when native code faults, and a killed process says nothing: so the reason is put
together afterwards from what the kernel and the crash pipe have kept.
"""

import os
import signal
from dataclasses import dataclass
from enum import StrEnum


class KillReason(StrEnum):
    """Why we killed a worker ourselves."""

    DEADLINE = "deadline"  # its request's time was over and it did not stop softly
    STALL = "stall"  # no unit of work was finished for too long
    FROZEN = "frozen"  # the same, because somebody had stopped it (SIGSTOP): no fault of what it worked on
    LOAD_TIMEOUT = "load_timeout"  # it did not come up in time
    LOAD_FAILED = "load_failed"  # it said, again and again, that it cannot load
    CANARY_TIMEOUT = "canary_timeout"  # an inference with a known answer never returned
    MEMORY_LIMIT = "memory_limit"  # it passed its hard limit while it worked
    PROTOCOL = "protocol"  # it sent what is no message, or read none
    WRONG_ANSWERS = "wrong_answers"  # reloading did not mend them
    RECYCLED = "recycled"  # replaced, and it did not leave in time
    ABORTED = "aborted"  # somebody asked for it
    SHUTDOWN = "shutdown"  # the service ends


class Cause(StrEnum):
    """What ended a process."""

    EXITED = "exited"  # it left by itself
    SIGNALLED = "signalled"  # a signal that we did not send
    OUT_OF_MEMORY = "out_of_memory"  # the kernel's OOM killer
    KILLED = "killed"  # our own SIGKILL


class Fault(StrEnum):
    """Where a death is booked."""

    INPUT = "input"  # the one input it was working on, alone
    OUTSIDE = "outside"  # nobody's request is to blame


_NATIVE_FAULTS = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}
)


@dataclass(frozen=True, kw_only=True)
class RequestShape:
    """What may be told of a request: sizes, formats and options, never what was in it."""

    id: int
    """The runtime's own number, which `abort` takes."""
    request_id: str = ""
    """As whoever asked knows it; a client may have chosen it."""
    job_id: str = ""
    """The job that it is a step of."""
    part_bytes: tuple[int, ...]
    """Of each part: the pictures."""
    options: dict[str, bool | int | float | str]
    """Those that are numbers, yes and no, or words of a vocabulary; no text of anybody's own."""
    part_formats: tuple[str, ...] = ()
    """Of each part, by its first bytes: `jpeg`, `mp4`, …, `unknown`."""
    attempts: int
    """Workers that it was given to."""
    worked_ms: float
    """Since this worker had it."""


@dataclass(frozen=True, kw_only=True)
class ExitReport:
    """Everything that is known of one death."""

    pid: int
    cause: Cause
    exit_code: int | None = None
    """Where it left by itself."""
    signal_name: str | None = None
    """`SIGSEGV`, … where a signal ended it."""
    kill_reason: KillReason | None = None
    """Where the signal was ours."""
    evidence: str = ""
    """What told of an OOM kill, or what it did that made us kill it."""
    native_traceback: str = ""
    """What faulthandler wrote while the process fell."""
    last_words: str = ""
    """The end of what it printed."""
    requests_inside: int = 0
    """How many it was working on; of a batch, all, though some were answered already."""
    served: int = 0
    """Requests it had answered."""
    requests: tuple[RequestShape, ...] = ()
    """Those inside that were not answered."""

    @property
    def fault(self) -> Fault:
        """Whether the one input in it is to blame; a batch or an idle worker never blames an input."""
        alone = self.requests_inside == 1
        return Fault.INPUT if alone and self._looks_like_the_work() else Fault.OUTSIDE

    @property
    def unprovoked(self) -> bool:
        """Whether it fell by itself while nobody asked anything of it: a crash loop even if it loads well."""
        return self.requests_inside == 0 and self._looks_like_the_work()

    def _looks_like_the_work(self) -> bool:
        if self.cause is Cause.OUT_OF_MEMORY:
            return True
        if self.cause is Cause.KILLED:
            return self.kill_reason in (KillReason.STALL, KillReason.MEMORY_LIMIT)
        if self.cause is Cause.EXITED:
            return True  # native code that calls exit() in the middle of a request
        return self.signal_name in {fault.name for fault in _NATIVE_FAULTS}

    @property
    def out_of_memory(self) -> bool:
        """Whether the next worker should ask for less."""
        return self.cause is Cause.OUT_OF_MEMORY or self.kill_reason is KillReason.MEMORY_LIMIT

    def few_words(self) -> str:
        """How it ended, in words of our own."""
        match self.cause:
            case Cause.EXITED:
                return f"left with exit code {self.exit_code}"
            case Cause.OUT_OF_MEMORY:
                return "was ended by the kernel: memory ran out"
            case Cause.KILLED:
                return f"was killed by us: {self.kill_reason}"
            case Cause.SIGNALLED:
                return f"was ended by {self.signal_name}"

    def sentence(self) -> str:
        """One sentence for logs and answers."""
        match self.cause:
            case Cause.EXITED:
                return f"the worker left with exit code {self.exit_code}"
            case Cause.OUT_OF_MEMORY:
                return f"the kernel killed the worker because memory ran out ({self.evidence})"
            case Cause.KILLED:
                why = f"{self.kill_reason}: {self.evidence}" if self.evidence else self.kill_reason
                return f"the worker was killed by us ({why})"
            case Cause.SIGNALLED:
                return f"the worker was ended by {self.signal_name}"


def explain_exit(
    *,
    pid: int,
    code: int,
    status: int,
    kill_reason: KillReason | None,
    oom_evidence: str,
    kill_detail: str = "",
    native_traceback: str = "",
    last_words: str = "",
    requests_inside: int = 0,
    served: int = 0,
    requests: tuple[RequestShape, ...] = (),
) -> ExitReport:
    """The report of a death; `code` and `status` are `si_code` and `si_status` of waitid(2)."""
    cause, exit_code, signal_name = _cause_of(code, status, kill_reason, oom_evidence)
    return ExitReport(
        pid=pid,
        cause=cause,
        exit_code=exit_code,
        signal_name=signal_name,
        kill_reason=kill_reason if cause is Cause.KILLED else None,
        evidence=_evidence(cause, oom_evidence, kill_detail),
        native_traceback=native_traceback,
        last_words=last_words,
        requests_inside=requests_inside,
        served=served,
        requests=requests,
    )


def _cause_of(
    code: int, status: int, kill_reason: KillReason | None, oom_evidence: str
) -> tuple[Cause, int | None, str | None]:
    if code == os.CLD_EXITED:
        return Cause.EXITED, status, None
    name = _signal_name(status)
    if status != signal.SIGKILL:
        return Cause.SIGNALLED, None, name
    if kill_reason is not None:
        return Cause.KILLED, None, name
    if oom_evidence:
        return Cause.OUT_OF_MEMORY, None, name
    return Cause.SIGNALLED, None, name


def _evidence(cause: Cause, oom_evidence: str, kill_detail: str) -> str:
    return {Cause.OUT_OF_MEMORY: oom_evidence, Cause.KILLED: kill_detail}.get(cause, "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
