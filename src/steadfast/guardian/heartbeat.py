"""The server's voice: its event loop itself writes a beat, so a beat proves that the loop turns.

The lines on the pipe: `beat`, `ready HOST PORT`. A pipe and not shared memory, because it wakes the guardian,
keeps the order of what was said, and ends with the process.
"""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio  # the guardian reads this file too, and asyncio is as large as all of it

BEAT = b"beat"
READY = b"ready"
EVERY_S = 0.25


class Heartbeat:
    """Beats into a pipe; without one (`fd` None: no guardian) every call does nothing."""

    def __init__(self, fd: int | None, *, every_s: float = EVERY_S) -> None:
        self._fd = fd
        self._every_s = every_s
        self._next: asyncio.TimerHandle | None = None
        if fd is not None:
            os.set_blocking(fd, False)

    def start(self, loop: "asyncio.AbstractEventLoop") -> None:
        """Begins to beat; from now on a loop that blocks for about a second is killed.

        Call it on the loop, after the slow steps of the start: only a first beat makes silence suspicious.
        """
        if self._fd is not None and self._next is None:
            self._beat(loop)

    def ready(self, host: str, port: int) -> None:
        """Says that the server answers requests at this numeric address."""
        self._say(b"%s %s %d" % (READY, host.encode(), port))

    def stop(self) -> None:
        """Ends the beat; only for a server that was asked to stop, which is given its grace instead."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
            self._say(BEAT)  # the last: it tells that the loop has heard the signal

    def _beat(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._say(BEAT)
        self._next = loop.call_later(self._every_s, self._beat, loop)

    def _say(self, line: bytes) -> None:
        if self._fd is None:
            return
        # A full pipe: the guardian is stopped, and will excuse the silence. A broken one: it is dead, and so
        # are we.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._fd, line + b"\n")
