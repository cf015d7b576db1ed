"""What the watch may ask to be done; `guard` does it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StartServer:
    """Start the server's process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalServer:
    """Send a signal to the server's process, and to no other."""

    signum: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AskForStacks:
    """Ask the server to write the stack of every thread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KillServer:
    """End the server's process group with SIGKILL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClearOrphans:
    """End everything a dead server left behind, and tell the watch when it is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notify:
    """Tell the service manager."""

    status: str
    """One line for a person."""
    ready: bool = False
    stopping: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Write one event."""

    event: str
    fields: dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finish:
    """Leave with this status."""

    exit_code: int


Action = StartServer | SignalServer | AskForStacks | KillServer | ClearOrphans | Notify | Log | Finish
