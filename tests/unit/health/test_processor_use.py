"""A process that wants the processor and does not get it is told from one that wants nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from steadfast.health.processor_use import processor_wanted_s

# They spin only when told, so that none has to start beside others that already take the whole core.
_SPIN = "import os; os.sched_setaffinity(0, {%d}); os.write(1, b'x'); os.read(0, 1)\nwhile True: pass"
_SLEEP = "import os, time; os.write(1, b'x'); time.sleep(1000)"


@contextmanager
def running(code: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is about to do that, or does it."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        try:
            yield process
        finally:
            process.kill()


def test_who_shares_a_core_with_others_wants_all_of_it_and_who_sleeps_wants_nothing() -> None:
    if not os.path.exists("/proc/self/schedstat"):  # noqa: PTH110
        pytest.skip("this kernel does not count how long a thread waits for its turn")
    core = min(os.sched_getaffinity(0))
    with ExitStack() as house:
        spinners = [house.enter_context(running(_SPIN % core)) for _ in range(4)]
        sleeping = house.enter_context(running(_SLEEP)).pid
        for spinner in spinners:
            assert spinner.stdin is not None
            spinner.stdin.write(b"x")
            spinner.stdin.flush()
        spinning = [spinner.pid for spinner in spinners]
        while psutil.Process(sleeping).status() != psutil.STATUS_SLEEPING:
            os.sched_yield()  # on a busy machine it first waits for its turn to go to sleep
        before, used_before_s = processor_wanted_s([*spinning, sleeping]), _used_s(spinning)
        wanted_s: dict[int, float] = dict.fromkeys(spinning, 0.0)
        # The kernel counts a wait when it is over, so who has just waited longest is the last to be heard of.
        while min(wanted_s[pid] for pid in spinning) < 0.3:
            os.sched_yield()
            now = processor_wanted_s([*spinning, sleeping])
            wanted_s = {pid: now[pid] - before[pid] for pid in now}
        # Four share one core: what they got is about a quarter of what they wanted.
        assert sum(wanted_s[pid] for pid in spinning) > 2 * (_used_s(spinning) - used_before_s)
        assert wanted_s[sleeping] < 0.15


def _used_s(pids: Sequence[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def test_who_is_gone_is_left_out() -> None:
    with running(_SLEEP) as process:
        pass
    assert processor_wanted_s([process.pid, os.getpid()]).keys() == {os.getpid()}
