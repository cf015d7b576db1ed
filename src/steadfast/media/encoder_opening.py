"""Opens encoders without letting them change how this process is scheduled."""

import os
from contextlib import suppress
from typing import Any

_THREADS = "/proc/self/task"


def open_encoder(context: Any) -> None:
    """Opens PyAV's `context`; every thread is scheduled as its process was before. Raises what PyAV raises.

    SVT-AV1 that runs as root asks for real time (SCHED_FIFO, 99) for itself and for whoever opened it, and
    what that one starts inherits it: one busy thread then keeps a core from everybody else, the server first.
    """
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        context.open()
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    context.open()
    if os.sched_getscheduler(0) == policy:
        return
    for name in os.listdir(_THREADS):  # noqa: PTH208 — numbers of threads, no paths
        with suppress(OSError):  # a thread that has ended
            os.sched_setscheduler(int(name), policy, parameter)
