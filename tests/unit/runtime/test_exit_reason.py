"""Why a worker died is always known, and whose fault it was."""

import os
import signal
from typing import Any

import pytest

from steadfast.runtime.exit_reason import Cause, ExitReport, Fault, KillReason, explain_exit


def killed(number: int, **known: Any) -> ExitReport:
    facts: dict[str, Any] = {"kill_reason": None, "oom_evidence": "", "requests_inside": 1, **known}
    return explain_exit(pid=7, code=os.CLD_KILLED, status=number, **facts)


def test_an_exit_code_is_kept() -> None:
    report = explain_exit(pid=7, code=os.CLD_EXITED, status=3, kill_reason=None, oom_evidence="")
    assert (report.cause, report.exit_code, report.signal_name) == (Cause.EXITED, 3, None)
    assert "exit code 3" in report.sentence()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE])
def test_a_native_fault_alone_in_the_worker_is_booked_on_the_input(number: signal.Signals) -> None:
    report = killed(number)
    assert report.cause is Cause.SIGNALLED
    assert report.signal_name == number.name
    assert report.fault is Fault.INPUT


def test_a_native_fault_in_a_batch_or_an_idle_worker_is_nobodys_input() -> None:
    assert killed(signal.SIGSEGV, requests_inside=3).fault is Fault.OUTSIDE
    assert killed(signal.SIGSEGV, requests_inside=0).fault is Fault.OUTSIDE


def test_a_sigkill_from_elsewhere_is_outside() -> None:
    report = killed(signal.SIGKILL)
    assert report.cause is Cause.SIGNALLED
    assert report.fault is Fault.OUTSIDE
    assert not report.out_of_memory


def test_a_sigkill_with_evidence_is_the_kernels_oom_killer() -> None:
    report = killed(signal.SIGKILL, oom_evidence="counted")
    assert report.cause is Cause.OUT_OF_MEMORY
    assert report.out_of_memory
    assert report.fault is Fault.INPUT
    assert "counted" in report.sentence()


@pytest.mark.parametrize("reason", list(KillReason))
def test_our_own_kill_says_why_and_blames_the_input_for_stalls_and_memory_only(reason: KillReason) -> None:
    report = killed(signal.SIGKILL, kill_reason=reason, oom_evidence="counted")
    assert (report.cause, report.kill_reason) == (Cause.KILLED, reason)
    blames = reason in (KillReason.STALL, KillReason.MEMORY_LIMIT)
    assert report.fault is (Fault.INPUT if blames else Fault.OUTSIDE)
    assert report.out_of_memory is (reason is KillReason.MEMORY_LIMIT)


def test_a_worker_that_fell_while_we_were_about_to_kill_it_fell_by_itself() -> None:
    report = killed(signal.SIGSEGV, kill_reason=KillReason.DEADLINE)
    assert report.cause is Cause.SIGNALLED
    assert report.kill_reason is None


def test_a_signal_without_a_name_is_still_told() -> None:
    assert killed(50).signal_name == "signal 50"


def test_falling_while_idle_is_unprovoked_and_being_killed_is_not() -> None:
    assert killed(signal.SIGSEGV, requests_inside=0).unprovoked
    assert not killed(signal.SIGSEGV, requests_inside=1).unprovoked
    assert not killed(signal.SIGKILL, requests_inside=0).unprovoked
    assert not killed(signal.SIGKILL, requests_inside=0, kill_reason=KillReason.RECYCLED).unprovoked
