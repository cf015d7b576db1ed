"""What the guardian does to the one server there is at a time, to the service manager and to its log."""

import errno
import json
import os
import selectors
from collections.abc import Callable, Sequence
from contextlib import suppress

from steadfast.guardian import exit_codes
from steadfast.guardian.actions import Action, AskForStacks, KillServer, Log, Notify, SignalServer
from steadfast.guardian.attach import LAST_DEATH
from steadfast.guardian.dump import ASK_FOR_STACKS
from steadfast.guardian.json_lines import JsonLines
from steadfast.guardian.notify import Notifier
from steadfast.guardian.server_process import ServerProcess, without_handover
from steadfast.guardian.threads import Threads, look_at_threads

_TOLD_TO_SUCCESSOR = ("server_hung", "server_ended", "server_stacks")
_NEVER_STARTS = (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR)


class Hands:
    """Holds the server's process, and what its successor will be told of its death."""

    def __init__(self, argv: Sequence[str], selector: selectors.BaseSelector) -> None:
        self.server: ServerProcess | None = None
        self.log = JsonLines()
        self._environment = without_handover(os.environ)
        self.notifier = Notifier.from_environment(self._environment)
        self._argv = argv
        self._selector = selector
        self._last_death: dict[str, object] = {}

    def do(self, action: Action) -> None:
        """Does what concerns a running server, the service manager or the log."""
        match action:
            case SignalServer(signum=signum) if self.server is not None:
                self.server.signal(signum)
            case AskForStacks() if self.server is not None:
                self.server.signal(ASK_FOR_STACKS)
            case KillServer() if self.server is not None:
                self.server.kill()
            case Notify(status=status, ready=ready, stopping=stopping):
                self.notifier.tell(*["READY=1"] * ready, *["STOPPING=1"] * stopping, f"STATUS={status}")
            case Log(event=event, fields=fields):
                if event in _TOLD_TO_SUCCESSOR:
                    self._last_death |= fields
                self.log.write(event, fields)

    def start_server(self, on_heartbeat: Callable[[], None], on_stacks: Callable[[], None]) -> int:
        """Starts a server; 0, or the exit status that stands for not having been able to."""
        environment = dict(self._environment)
        if self._last_death:
            environment[LAST_DEATH] = json.dumps(self._last_death)
        self._last_death = {}
        try:
            self.server = ServerProcess.start(self._argv, environment)
        except OSError as error:
            self.log.write("server_cannot_start", {"reason": error.strerror, "server": self._argv})
            return exit_codes.CANNOT_START if error.errno in _NEVER_STARTS else exit_codes.NO_ROOM
        self._selector.register(self.server.heartbeat_fd, selectors.EVENT_READ, on_heartbeat)
        self._selector.register(self.server.dump_fd, selectors.EVENT_READ, on_stacks)
        self.log.write("server_started", {"server_pid": self.server.pid})
        return 0

    def stop_listening(self, fd: int) -> None:
        """Stops watching one of the server's pipes; a closed one would be readable for ever."""
        with suppress(KeyError):
            self._selector.unregister(fd)

    def forget_server(self) -> None:
        """Lets go of the pipes of a server that has ended."""
        if self.server is None:
            return
        self.stop_listening(self.server.heartbeat_fd)
        self.stop_listening(self.server.dump_fd)
        self.server.close()
        self.server = None

    def starved_s(self) -> float:
        """How long the server ever waited for a processor."""
        return self.server.waited_for_processor_s() if self.server is not None else 0.0

    def look_at_threads(self) -> Threads | None:
        """What the server's threads do now."""
        return look_at_threads(self.server.pid) if self.server is not None else None

    def close(self) -> None:
        """Lets go of everything but the processes."""
        self.forget_server()
        self.notifier.close()
