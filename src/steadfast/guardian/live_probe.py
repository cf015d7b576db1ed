"""Asks the server's `/health/live`, without ever waiting for it.

One small HTTP/1.0 request on a non-blocking socket, driven by the guardian's selector: a thread would cost
memory, and `http.client` alone (it loads TLS) half of what the guardian may take.
"""

import selectors
import socket
from contextlib import suppress
from dataclasses import dataclass
from errno import EINPROGRESS

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}  # noqa: S104
_STATUS_LINE_MAX_BYTES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    """A numeric address; one that means every interface is asked on the loopback."""
    port: int

    @property
    def reachable(self) -> tuple[str, int]:
        """The address to connect to."""
        return _ANYWHERE.get(self.host, self.host), self.port


class LiveProbe:
    """One request after the other; `answered` says how the current one stands."""

    def __init__(self, selector: selectors.BaseSelector, address: Address, *, timeout_s: float) -> None:
        self._selector = selector
        self._address = address
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._asked_at = 0.0
        self._reply = b""

    @property
    def is_asking(self) -> bool:
        """Whether a request is under way."""
        return self._socket is not None

    def ask(self, now: float) -> None:
        """Starts a request; one that cannot even connect is over at once."""
        self.close()
        host, port = self._address.reachable
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._asked_at, self._reply = now, b""
        self._socket = opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        opened.setblocking(False)
        if opened.connect_ex((host, port)) not in (0, EINPROGRESS):
            self.close()
        else:
            self._selector.register(opened, selectors.EVENT_WRITE, self)

    def proceed(self) -> bool:
        """Takes the next step after the selector woke; true when the server has just answered."""
        if self._socket is None:
            return False
        is_sent = self._selector.get_key(self._socket).events == selectors.EVENT_READ
        try:
            return self._receive() if is_sent else self._send()
        except OSError:
            self.close()
            return False

    def give_up_if_late(self, now: float) -> None:
        """Ends a request that takes longer than it may."""
        if self._socket is not None and now - self._asked_at > self._timeout_s:
            self.close()

    def close(self) -> None:
        """Ends the request under way."""
        if self._socket is None:
            return
        with suppress(KeyError):
            self._selector.unregister(self._socket)
        self._socket.close()
        self._socket = None

    def _send(self) -> bool:
        assert self._socket is not None
        host, port = self._address.reachable
        name = f"[{host}]" if ":" in host else host
        request = (
            f"GET /health/live HTTP/1.0\r\nHost: {name}:{port}\r\nUser-Agent: steadfast-guardian\r\n\r\n"
        )
        self._socket.sendall(request.encode())  # far below any socket's buffer
        self._selector.modify(self._socket, selectors.EVENT_READ, self)
        return False

    def _receive(self) -> bool:
        assert self._socket is not None
        received = self._socket.recv(_STATUS_LINE_MAX_BYTES)
        self._reply += received
        line, is_complete, _ = self._reply.partition(b"\r\n")
        if not received or is_complete or len(line) >= _STATUS_LINE_MAX_BYTES:
            self.close()
        return bool(is_complete) and _is_alive(line)


def _is_alive(status_line: bytes) -> bool:
    """Whether a server that says this lives: one with too much to do (503) does, one that breaks does not."""
    version, _, rest = status_line.partition(b" ")
    status = rest[:3]
    is_http = version.startswith(b"HTTP/") and status.isdigit() and rest[3:4] in (b"", b" ")
    return is_http and (status < b"500" or status == b"503")
