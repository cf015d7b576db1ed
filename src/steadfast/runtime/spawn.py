"""Starts worker processes: spawned, never forked, with a clean environment and no file but what they need."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from steadfast.errors import ServiceUnsupported
from steadfast.runtime import messages
from steadfast.runtime.arena import Arena
from steadfast.runtime.channel import open_pair
from steadfast.runtime.options import ArenaOptions, Device, WorkerOptions
from steadfast.runtime.outbox import make_outbox, remove_outbox
from steadfast.task import TaskSpec

_log = logging.getLogger(__name__)

_HANDED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "CUDA_HOME")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip


@dataclass(kw_only=True)
class Spawned:
    """A process that has just been started, and the server's ends of everything it shares with it."""

    pid: int
    pidfd: int
    channel: socket.socket
    arena: Arena
    crash_fd: int
    """Pipe of native tracebacks."""
    output_fd: int
    """Pipe of what it prints."""
    outbox: Path | None = None
    """The folder of the files that it hands over."""

    def close(self) -> None:
        """Gives everything back; the process must have been reaped."""
        self.channel.close()
        self.arena.close()
        for fd in (self.pidfd, self.crash_fd, self.output_fd):
            os.close(fd)
        remove_outbox(self.outbox)


def spawn_worker(*, spec: TaskSpec, device: Device, options: WorkerOptions, title: str) -> Spawned:
    """Starts one worker and sends it its `Setup`.

    Call it in the main thread: the worker dies with the thread that spawned it (PR_SET_PDEATHSIG). Raises
    `OSError`.
    """
    if threading.current_thread() is not threading.main_thread():
        _log.warning("worker spawned outside the main thread: it will die with this thread")
    with ExitStack() as undo, ExitStack() as handed_over:
        ours, theirs = open_pair()
        undo.callback(ours.close)
        handed_over.callback(theirs.close)
        arena = _open_arena(options.arena)
        undo.callback(arena.close)
        crash_fd, crash_theirs = _open_pipe(undo, handed_over)
        output_fd, output_theirs = _open_pipe(undo, handed_over)
        outbox = make_outbox(options)
        undo.callback(remove_outbox, outbox)
        pid = _start(options, device, (theirs.fileno(), arena.fd, crash_theirs), output_theirs)
        undo.callback(_end, pid)
        # Not reaped yet, so the number cannot have passed to another process.
        pidfd = os.pidfd_open(pid)
        undo.callback(os.close, pidfd)
        ours.send(messages.encode(_setup(spec, options, arena, title, outbox)))
        undo.pop_all()
    return Spawned(
        pid=pid,
        pidfd=pidfd,
        channel=ours,
        arena=arena,
        crash_fd=crash_fd,
        output_fd=output_fd,
        outbox=outbox,
    )


def _open_arena(options: ArenaOptions) -> Arena:
    return Arena.create(
        request_bytes=options.request_bytes,
        answer_bytes=options.answer_bytes,
        prefault_bytes=options.prefault_bytes,
    )


def _end(pid: int) -> None:
    """Takes back a start that could not be finished."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _start(options: WorkerOptions, device: Device, handed: tuple[int, int, int], output_fd: int) -> int:
    # A dup2 of a descriptor onto itself is how posix_spawn says "the child keeps this one".
    actions: list[tuple[object, ...]] = [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in handed]
    actions += [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output_fd, 1),
        (os.POSIX_SPAWN_DUP2, output_fd, 2),
    ]
    arguments = ["-I", "-m", "steadfast.runtime.worker", *map(str, (os.getpid(), *handed))]
    return os.posix_spawn(
        options.executable,
        # The title in `ps` is written over these words, so they are made long enough for any.
        [options.executable, *arguments, "." * 64],
        environment_for(options, device, os.environ),
        file_actions=actions,
        setpgroup=0,
        setsigmask=(),
        setsigdef=(2, 13, 15),
    )


def environment_for(options: WorkerOptions, device: Device, ours: Mapping[str, str]) -> dict[str, str]:
    """What a worker may know of our environment: where programs and libraries lie, and no secret."""
    environment = {name: ours[name] for name in _HANDED_ON if name in ours}
    environment |= {name: str(options.threads) for name in _THREAD_VARIABLES}
    if options.scratch is not None:
        environment |= dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(options.scratch))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return environment | dict(options.environment) | dict(device.environment)


def _setup(
    spec: TaskSpec, options: WorkerOptions, arena: Arena, title: str, outbox: Path | None
) -> messages.Setup:
    confinement = options.confinement
    scratch = (options.scratch,) if options.scratch is not None else ()
    outboxes = (outbox,) if outbox is not None else ()
    uid, gid = confinement.user or (0, 0)
    return messages.Setup(
        title=title,
        task_path=spec.path,
        task_config=messages.raw(dict(spec.config)),
        python_path=options.python_path,
        arena_fd=arena.fd,
        request_bytes=arena.request_bytes,
        answer_bytes=arena.answer_bytes,
        prefault_bytes=options.arena.prefault_bytes,
        nice=options.nice,
        affinity=options.affinity,
        oom_score_adj=options.oom_score_adj,
        max_open_files=options.max_open_files,
        max_core_bytes=options.max_core_bytes,
        max_address_space_bytes=options.max_address_space_bytes,
        uid=uid,
        gid=gid,
        readable=_names((*confinement.readable, *scratch, *outboxes, *map(Path, options.python_path))),
        writable=_names((*confinement.writable, *scratch, *outboxes)),
        outbox="" if outbox is None else str(outbox.resolve()),
        landlock=confinement.landlock,
        no_network=confinement.no_network,
    )


def _names(paths: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(str(path.resolve()) for path in paths)


def _open_pipe(undo: ExitStack, handed_over: ExitStack) -> tuple[int, int]:
    reading, writing = os.pipe2(os.O_CLOEXEC)
    undo.callback(os.close, reading)
    handed_over.callback(os.close, writing)
    os.set_blocking(reading, False)
    return reading, writing


def require_kernel() -> None:
    """Raises `ServiceUnsupported` where workers cannot be had; they need Linux 5.4."""
    missing = [name for name in ("pidfd_open", "memfd_create", "posix_spawn") if not hasattr(os, name)]
    try:
        os.close(os.pidfd_open(os.getpid())) if not missing else None
    except OSError as error:
        missing.append(f"pidfd_open ({error.strerror})")
    if missing:
        raise ServiceUnsupported(f"Workers cannot be supervised here: {', '.join(missing)} is missing.")
