"""One server process: how it is started, what it says on its pipes, and how it is ended."""

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from steadfast.guardian.attach import DUMP_FD, GUARDIAN_PID, HANDOVER, HEARTBEAT_FD

_READ_BYTES = 65536
_STACKS_MAX_BYTES = 65536
_LINE_MAX_BYTES = 512


class ServerProcess:
    """A server that was started; `heartbeat_fd` and `dump_fd` are ours to read, and never block."""

    def __init__(self, pid: int, *, heartbeat_fd: int, dump_fd: int) -> None:
        self.pid = pid
        self.heartbeat_fd = heartbeat_fd
        self.dump_fd = dump_fd
        self._line = b""
        self._stacks = b""

    @classmethod
    def start(cls, argv: Sequence[str], environment: Mapping[str, str]) -> "ServerProcess":
        """Starts it in a process group of its own, so that a terminal's Ctrl-C reaches the guardian alone.

        Raises `OSError` if there is no such program or the system has no room for it. Call it in the main
        thread: the server dies with the thread that started it.
        """
        heartbeat_fd, its_heartbeat_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        dump_fd, its_dump_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        handed = {HEARTBEAT_FD: its_heartbeat_fd, DUMP_FD: its_dump_fd, GUARDIAN_PID: os.getpid()}
        try:
            pid = _spawn(
                argv, {**environment, **{k: str(v) for k, v in handed.items()}}, its_heartbeat_fd, its_dump_fd
            )
        except OSError:
            os.close(heartbeat_fd)
            os.close(dump_fd)
            raise
        finally:
            # Only the server may hold the ends it writes to: the pipes end with it.
            os.close(its_heartbeat_fd)
            os.close(its_dump_fd)
        return cls(pid, heartbeat_fd=heartbeat_fd, dump_fd=dump_fd)

    def signal(self, signum: int) -> None:
        """Signals the server alone. Its id stays its own until it is collected, so no other is meant."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Ends the server and whoever is in its own group; workers have groups of their own and follow it."""
        self.signal(signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def read_heartbeat(self) -> list[bytes] | None:
        """The whole lines that it wrote since the last call; None when it has closed its end."""
        received = _read(self.heartbeat_fd)
        if received == b"":
            return None
        lines = (self._line + (received or b"")).split(b"\n")
        self._line = lines.pop()[-_LINE_MAX_BYTES:]
        return lines

    def read_stacks(self) -> bool:
        """Takes over what it wrote on the dump's pipe; false when it has closed its end."""
        received = _read(self.dump_fd)
        self._stacks = (self._stacks + (received or b""))[:_STACKS_MAX_BYTES]
        return received != b""

    def take_stacks(self) -> list[str]:
        """The lines of the stacks read so far, once."""
        lines, self._stacks = self._stacks.decode(errors="replace").splitlines(), b""
        return lines

    def waited_for_processor_s(self) -> float:
        """How long its main thread, which runs the loop, was ready to run while no processor was free."""
        try:
            # proc(5): time on a processor, time on a run queue, both in nanoseconds; number of slices.
            return int(Path(f"/proc/{self.pid}/schedstat").read_bytes().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def close(self) -> None:
        """Lets go of the pipes."""
        os.close(self.heartbeat_fd)
        os.close(self.dump_fd)


def without_handover(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what a guardian further up may have handed to us."""
    return {name: value for name, value in environment.items() if name not in HANDOVER}


def _spawn(argv: Sequence[str], environment: Mapping[str, str], *its_fds: int) -> int:
    for fd in its_fds:
        os.set_inheritable(fd, True)
    # Python ignores these two, and an ignored signal stays ignored in the new program.
    defaults = [signal.SIGPIPE, signal.SIGXFSZ]
    no_input = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    return os.posix_spawnp(
        argv[0],
        list(argv),
        environment,
        file_actions=no_input,
        setpgroup=0,
        setsigmask=(),
        setsigdef=defaults,
    )


def _read(fd: int) -> bytes | None:
    """What there is to read now: None for nothing yet, empty for nothing ever."""
    try:
        return os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return None
