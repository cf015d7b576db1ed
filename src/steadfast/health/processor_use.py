"""How much processor processes have used or wanted: who waits for a turn does not stand still."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

_NS = 1e-9


def processor_wanted_s(pids: Iterable[int]) -> Mapping[int, float]:
    """Seconds that each has run, and that its threads were ready to and had to wait; the dead are left out.

    On a machine that is overloaded a healthy worker may get no turn for seconds: only one that wants none
    waits for something else.
    """
    found = {}
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:  # it has just gone
            continue
        found[pid] = times.user + times.system + _waited_for_a_turn_s(pid)
    return found


def _waited_for_a_turn_s(pid: int) -> float:
    total_ns = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 — the numbers alone, no Path for each
            total_ns += int(
                Path(f"/proc/{pid}/task/{thread}/schedstat").read_text(encoding="ascii").split()[1]
            )
    except (OSError, IndexError, ValueError):  # a thread has just ended, or this kernel does not count
        return total_ns * _NS
    return total_ns * _NS
