"""Ports for servers that must be told one before they start, or find the same one again."""

import os
import socket
from itertools import count

# Below those that the system hands out by itself: of them, each connection that anybody opens meanwhile could
# take the one that was found free, and a client could even come to talk to itself on it.
_LOWEST, _COUNT = 16_000, 9_000
_tries = count(os.getpid() * 101)  # neighbours that look at the same moment find others


def free_port() -> int:
    """One that nobody uses now, and that nobody is given by chance; another one each time."""
    for _ in range(_COUNT):
        port = _LOWEST + next(_tries) % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        return port
    raise AssertionError("every port is taken")
