"""A process that wants the processor and does not get it is told from one that wants nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from steadfast.health.processor_use import processor_wanted_s

_SPIN = "import os; os.sched_setaffinity(0, {%d}); os.write(1, b'x')\nwhile True: pass"
_SLEEP = "import os, time; os.write(1, b'x'); time.sleep(1000)"


@contextmanager
def running(code: str) -> Iterator[int]:
    """A process that has begun to do that."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        try:
            yield process.pid
        finally:
            process.kill()


def test_who_shares_a_core_with_others_wants_all_of_it_and_who_sleeps_wants_nothing() -> None:
    if not os.path.exists("/proc/self/schedstat"):  # noqa: PTH110
        pytest.skip("this kernel does not count how long a thread waits for its turn")
    core = min(os.sched_getaffinity(0))
    with ExitStack() as house:
        spinning = [house.enter_context(running(_SPIN % core)) for _ in range(4)]
        sleeping = house.enter_context(running(_SLEEP))
        before = processor_wanted_s([*spinning, sleeping])
        while (now := processor_wanted_s([*spinning, sleeping]))[spinning[0]] - before[spinning[0]] < 0.4:
            os.sched_yield()
        # Four share one core, and each of them wanted about all of the time.
        assert sum(now[pid] - before[pid] for pid in spinning) > 1.0
        assert now[sleeping] - before[sleeping] < 0.05


def test_who_is_gone_is_left_out() -> None:
    with running(_SLEEP) as pid:
        pass
    assert processor_wanted_s([pid, os.getpid()]).keys() == {os.getpid()}
