"""Signals as data: they arrive in a pipe, in order, and are read by the one loop there is."""

import os
import signal
from collections.abc import Iterable
from types import FrameType

_READ_BYTES = 256


class SignalInbox:
    """Collects signals; `fd` becomes readable when one has arrived."""

    def __init__(self, signums: Iterable[int]) -> None:
        self.fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wakeup_before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        # The interpreter writes the number into the pipe only for signals that have a Python handler.
        self._handlers_before = {signum: signal.signal(signum, _do_nothing) for signum in signums}

    def take(self) -> list[int]:
        """The numbers of the signals that arrived since the last call."""
        try:
            return list(os.read(self.fd, _READ_BYTES))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Gives the signals back to whoever had them before."""
        for signum, handler in self._handlers_before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.fd)
        os.close(self._write_fd)


def _do_nothing(_signum: int, _frame: FrameType | None) -> None:
    pass
