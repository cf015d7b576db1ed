"""Shows a process's role where people look for it: `ps`, `top`, the kernel's OOM report.

Standard library only: every process of the service uses it, the guardian too.

The kernel reads a command line from the process's own memory, between two addresses that `/proc/self/stat`
tells (proc(5): arg_start, arg_end). A title is written over it, and never beyond it: behind it lies the
environment, which C libraries keep pointers into. It is written through `/proc/self/mem`, so a wrong address
is an error and not a crash. Where any of this is missing (another kernel, a sandbox) nothing happens.
"""

import contextlib
from pathlib import Path

PROGRAM = "steadfast"
_COMM_MAX_BYTES = 15  # TASK_COMM_LEN without its NUL


def show_role(role: str) -> bool:
    """Makes this process appear as `steadfast: <role>`; the answer is whether `ps` shows it.

    A title longer than the command line it replaces is cut. Call it in the main thread, early: not before
    `sys.argv` was read by whoever still needs the real one, and before the process is made non-dumpable.
    """
    _show_short_name(role)
    try:
        return _overwrite_command_line(f"{PROGRAM}: {role}".encode())
    except (OSError, ValueError, IndexError):
        return False


def _show_short_name(role: str) -> None:
    """The name that `top` and the kernel's log show: `sf-guardian`, `sf-worker-face_…`."""
    name = "sf-" + "-".join(role.split())
    # ELF threads keep their own names; this file is the main thread's.
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_bytes(name.encode()[:_COMM_MAX_BYTES])


def _overwrite_command_line(title: bytes) -> bool:
    start, end = _command_line_span()
    size = end - start
    if size <= 1:
        return False
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        # Some kernels' emulations report addresses that are not theirs: only what reads back as the
        # command line may be written over.
        if memory.read(size) != Path("/proc/self/cmdline").read_bytes():
            return False
        memory.seek(start)
        # The last byte stays NUL: anything else tells the kernel that the title runs on into the environment.
        memory.write(title[: size - 1].ljust(size, b"\0"))
    return True


def _command_line_span() -> tuple[int, int]:
    # The second field, the name, may hold spaces and brackets: count from its last bracket. Fields 48 and 49.
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[45]), int(fields[46])
