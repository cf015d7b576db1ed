"""What a server does first of all when a guardian started it, and what a guardian hands it.

The handover is a handful of environment variables, taken out here so that no worker sees them and no setting
is mistaken for them.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from steadfast.guardian.dump import write_stacks_to
from steadfast.guardian.heartbeat import Heartbeat

HEARTBEAT_FD = "STEADFAST_HEARTBEAT_FD"
DUMP_FD = "STEADFAST_DUMP_FD"
GUARDIAN_PID = "STEADFAST_GUARDIAN_PID"
LAST_DEATH = "STEADFAST_LAST_DEATH"
HANDOVER = (HEARTBEAT_FD, DUMP_FD, GUARDIAN_PID, LAST_DEATH)

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """The server's end of the tie to its guardian."""

    heartbeat: Heartbeat
    """Silent where there is no guardian."""
    guardian_pid: int | None
    """None: there is no guardian."""
    last_death: dict[str, Any] | None
    """Why the server before this one died (`exit_code`, `signal`, `why`, `stacks`, …); None: no such."""


def attach_to_guardian(environment: MutableMapping[str, str] = os.environ) -> Attachment:
    """Ties this process to the guardian that started it, if one did.

    Call it in the main thread before settings are read: the process will die with its guardian, show its
    stacks when it is asked to, and its children inherit nothing of this.
    """
    given = {name: environment.pop(name, "") for name in HANDOVER}
    if not given[GUARDIAN_PID]:
        return Attachment(heartbeat=Heartbeat(None), guardian_pid=None, last_death=None)
    guardian_pid = int(given[GUARDIAN_PID])
    die_with_parent(guardian_pid)
    if (dump_fd := _adopt(given[DUMP_FD])) is not None:
        write_stacks_to(dump_fd)
    return Attachment(
        heartbeat=Heartbeat(_adopt(given[HEARTBEAT_FD])),
        guardian_pid=guardian_pid,
        last_death=json.loads(given[LAST_DEATH]) if given[LAST_DEATH] else None,
    )


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent's thread that started it ends (Linux only).

    SIGKILL, because a server whose loop hangs would never act on anything softer, and the next one needs its
    port.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the line above took effect; then nobody will ever send the signal.
    if os.getppid() != parent_pid:
        os._exit(128 + signal.SIGKILL)


def _adopt(fd: str) -> int | None:
    if not fd:
        return None
    os.set_inheritable(int(fd), False)
    return int(fd)
