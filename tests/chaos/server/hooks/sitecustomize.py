"""Loaded by every Python of a service under test, but by its workers: their environment is not inherited.

SIGUSR2 blocks the event loop, holding the GIL. And the service ends with whoever started it: a test run that
is killed must leave nothing behind.
"""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def block_the_loop(*_: object) -> None:
    """Never returns; no thread of this process runs again."""
    while True:
        ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the GIL during the call


signal.signal(signal.SIGUSR2, block_the_loop)
ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
