"""The process that does the work: `python -m steadfast.runtime.worker`, started by `spawn.py` and by nobody
else.

It confines itself, imports its task, loads it, and serves one dispatch after the other until it is told to
stop or is killed. It needs no cleverness about failing: whatever happens here, the server sees a process
end.
"""

import faulthandler
import os
import resource
import socket
import sys
from contextlib import suppress
from pathlib import Path

from steadfast import process_title
from steadfast.runtime import messages, sandbox
from steadfast.runtime.arena import Arena
from steadfast.runtime.channel import WorkerChannel
from steadfast.runtime.messages import Setup
from steadfast.runtime.serving import serve
from steadfast.runtime.worker_log import tell_in_lines

_ROLE_PREFIX = "steadfast: "


def main(arguments: list[str]) -> None:
    """Runs one worker; `arguments`: the parent's pid, the descriptors of channel, arena and crash pipe."""
    parent_pid, channel_fd, arena_fd, crash_fd = map(int, arguments[:4])
    sandbox.die_with_parent(parent_pid)
    _close_all_but(channel_fd, arena_fd, crash_fd)
    # A native crash writes its traceback there; the process that reads it is another one, so it survives.
    faulthandler.enable(file=crash_fd, all_threads=True)
    tell_in_lines()
    channel = WorkerChannel(socket.socket(fileno=channel_fd))
    setup = channel.receive()
    if not isinstance(setup, Setup):
        raise SystemExit("the first message was no Setup")
    arena = Arena(arena_fd, setup.request_bytes, setup.answer_bytes, setup.prefault_bytes)
    arena.make_present()
    process_title.show_role(setup.title)
    sys.path[:0] = setup.python_path
    _limit_resources(setup)
    confinement = sandbox.confine(setup)
    sandbox.die_with_parent(parent_pid)  # the change of user made the kernel forget it
    channel.send(messages.Hello(messages.PROTOCOL_VERSION, confinement))
    serve(channel, arena, setup)


def _close_all_but(*kept: int) -> None:
    """Closes whatever a library of the server left open without close-on-exec."""
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _limit_resources(setup: Setup) -> None:
    if setup.affinity:
        os.sched_setaffinity(0, setup.affinity)
    # Waking a worker must not take the core from the server that wakes it.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    Path("/proc/self/oom_score_adj").write_text(str(setup.oom_score_adj), encoding="ascii")
    _limit(resource.RLIMIT_NOFILE, setup.max_open_files)
    _limit(resource.RLIMIT_CORE, setup.max_core_bytes)
    if setup.max_address_space_bytes:
        _limit(resource.RLIMIT_AS, setup.max_address_space_bytes)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main(sys.argv[1:])
