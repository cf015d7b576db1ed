"""Loaded by every Python of a service under test: SIGUSR2 blocks its event loop, holding the GIL."""

import ctypes
import signal


def block_the_loop(*_: object) -> None:
    """Never returns; no thread of this process runs again."""
    while True:
        ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the GIL during the call


signal.signal(signal.SIGUSR2, block_the_loop)
