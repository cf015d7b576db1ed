"""The guardian's exit statuses, after sysexits.h: what the one who watches the guardian acts on."""

import signal

STOPPED = 0
FORCED = 70  # EX_SOFTWARE: the server had to be killed while it stopped, or could not be killed
EXHAUSTED = 75  # EX_TEMPFAIL: over the restart budget; trying again from outside may help
CANNOT_START = 78  # EX_CONFIG: there is no such program
NO_ROOM = 127  # the system had no room for the process: counts as one death
FINAL = frozenset({2, 78})  # the server's own word for usage and EX_CONFIG: it would end the same way again


def of_stop(server_exit_code: int, *, stop_signal: int, was_killed: bool) -> int:
    """The status after a stop that was asked for; `server_exit_code` is negative for a signal."""
    if was_killed:
        return FORCED
    # A server that had no handler yet ends by the signal itself: that is orderly too.
    if server_exit_code in (0, -stop_signal):
        return STOPPED
    return server_exit_code if server_exit_code > 0 else 128 - server_exit_code


def signal_name(signum: int) -> str:
    """The name people know a signal by."""
    try:
        return signal.Signals(signum).name
    except ValueError:  # a real-time signal
        return f"SIG{signum}"
