"""Children that nobody asked for: what a dead server left behind comes to the guardian and ends here.

As a child subreaper (prctl(2)), or as PID 1 of a container, the guardian inherits every descendant whose
parent died. It collects all of them, several deaths behind one SIGCHLD included, and kills those that a dead
server left. Only own children are ever signalled: their ids stay taken until they are collected here, so none
can be another's.
"""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Makes orphaned descendants children of this process; false where the kernel can't."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def children() -> frozenset[int]:
    """The ids of this process's children that still run; zombies are not among them."""
    # Not /proc/self/task/*/children: many kernels are built without it.
    own = os.getpid()
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and _is_living_child(entry.name, own):
            found.add(int(entry.name))
    return frozenset(found)


def kill_children(*, spare: frozenset[int]) -> frozenset[int]:
    """Sends SIGKILL to every child but the spared ones; the answer is who was still there.

    Their own children come to us when they die: call it again, after `reap`, until it answers with none.
    """
    doomed = children() - spare
    for pid in doomed:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return doomed


def reap() -> dict[int, int]:
    """Collects every child that ended: ids and exit codes (negative: the signal), as in `subprocess`."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _is_living_child(pid: str, parent: int) -> bool:
    try:
        # After the name, which may hold anything: state, parent, …
        state, ppid = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return False
    return int(ppid) == parent and state not in (b"Z", b"X")
