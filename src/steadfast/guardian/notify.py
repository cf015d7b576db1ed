"""sd_notify(3) without libsystemd: one datagram per message to the socket that NOTIFY_SOCKET names."""

import os
import socket
from collections.abc import MutableMapping


class Notifier:
    """Tells the service manager how the service is; silent where there is none."""

    def __init__(self, address: str | None, *, watchdog_every_s: float | None = None) -> None:
        """`address`: a path, or `@name` in the abstract namespace; `watchdog_every_s` None: no pings."""
        self.watchdog_every_s = watchdog_every_s
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._socket = self._open() if self._address else None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> "Notifier":
        """The service manager of this process; its variables are taken out, so no child speaks for us."""
        address = environment.pop("NOTIFY_SOCKET", None)
        watchdog_us = environment.pop("WATCHDOG_USEC", None)
        meant_for = environment.pop("WATCHDOG_PID", None)
        is_ours = meant_for is None or meant_for == str(os.getpid())
        return cls(address, watchdog_every_s=_half_of(watchdog_us) if is_ours else None)

    def tell(self, *assignments: str) -> bool:
        """Sends `NAME=value` assignments in one message; the answer is whether it left."""
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError:  # the manager restarts, or its queue is full: it will ask again or kill us
            return False
        return True

    def close(self) -> None:
        """Lets go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        opened.setblocking(False)
        return opened


def _half_of(watchdog_us: str | None) -> float | None:
    # systemd's own advice: ping at half of the time it allows.
    if watchdog_us is None or not watchdog_us.isdecimal() or int(watchdog_us) == 0:
        return None
    return int(watchdog_us) / 2e6
