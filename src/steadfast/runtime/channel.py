"""One socket pair per worker: packets of a kernel socket, so a killed worker never leaves half a message.

SOCK_SEQPACKET keeps the borders of messages; whatever a hostile worker writes, it can only be one wrong
message. The server's end never blocks (`ServerChannel`), the worker's end does (`WorkerChannel`).
"""

import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from steadfast.runtime import messages
from steadfast.runtime.messages import MAX_MESSAGE_BYTES, Said, ToServer, ToWorker

if TYPE_CHECKING:  # a worker needs no event loop, and importing one is a third of its start
    import asyncio

_BUFFER_BYTES = 4 * MAX_MESSAGE_BYTES
"""Kernel buffer asked for; a batch and a few cancellations must fit without waiting."""


class ChannelBroken(Exception):
    """The other side sent what is no message, or does not take ours. Ends that worker."""

    def __init__(self, detail: str, *, peer_is_gone: bool = False) -> None:
        super().__init__(detail)
        self.peer_is_gone = peer_is_gone
        """Its process has ended already: there is nobody to end, and its exit tells the reason."""


def open_pair() -> tuple[socket.socket, socket.socket]:
    """The server's end and the worker's end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    ours.setblocking(False)
    theirs.setblocking(True)
    return ours, theirs


class ServerChannel:
    """The server's end, driven by its event loop."""

    def __init__(
        self,
        end: socket.socket,
        *,
        on_message: Callable[[ToServer], None],
        on_broken: Callable[[ChannelBroken], None],
    ) -> None:
        self._end = end
        self._on_message = on_message
        self._on_broken = on_broken
        self._loop: asyncio.AbstractEventLoop | None = None
        self._buffer = bytearray(MAX_MESSAGE_BYTES + 1)
        self._view = memoryview(self._buffer)

    def listen(self, loop: "asyncio.AbstractEventLoop") -> None:
        """Hands every message to `on_message` from now on; a `Raw` in it is valid in that call only."""
        self._loop = loop
        # One at a time: a worker answers once per dispatch; asking whether there is more is a system call.
        loop.add_reader(self._end.fileno(), self.read_one)

    def send(self, message: ToWorker) -> None:
        """Sends without waiting. Raises `ChannelBroken` if the worker is gone or does not read."""
        data = messages.encode(message)
        try:
            self._end.send(data)
        except OSError as error:  # BlockingIOError: the buffer is full, so it has not read for long
            gone = not isinstance(error, BlockingIOError)
            detail = f"{type(message).__name__} was not taken: {error}"
            raise ChannelBroken(detail, peer_is_gone=gone) from error

    def read_waiting(self) -> None:
        """Reads all that is there; after a death too, so that a finished answer is not lost."""
        while self.read_one():
            pass

    def read_one(self) -> bool:
        """Reads a message; whether another one may be there."""
        if self._end.fileno() < 0:
            return False
        try:
            size = self._end.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError:
            size = 0
        if not size:  # the worker's end is closed; its exit tells the rest
            self._stop_listening()
            return False
        return self._deliver(self._view[:size])

    def _deliver(self, data: memoryview) -> bool:
        try:
            message = messages.decode_for_server(data)
        except msgspec.MsgspecError as error:
            self._stop_listening()
            self._on_broken(ChannelBroken(f"the worker sent what is no message: {error}"))
            return False
        self._on_message(message)
        return True

    def close(self) -> None:
        """Ends it; may be called twice."""
        self._stop_listening()
        self._end.close()

    def _stop_listening(self) -> None:
        if self._loop is not None and self._end.fileno() >= 0:
            self._loop.remove_reader(self._end.fileno())
        self._loop = None


class WorkerChannel:
    """The worker's end: it has nothing else to do, so it waits."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._put_off: deque[ToWorker] = deque()

    def receive(self) -> ToWorker | None:
        """The next message; None when the server is gone."""
        if self._put_off:
            return self._put_off.popleft()
        data = self._end.recv(MAX_MESSAGE_BYTES + 1)
        return messages.decode_for_worker(data) if data else None

    def cancelled(self) -> list[int]:
        """Requests that were taken back meanwhile; whatever else waits is put off until `receive`.

        A server that is gone shows there, too.
        """
        found: list[int] = []
        while True:
            try:
                data = self._end.recv(MAX_MESSAGE_BYTES + 1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            if not data:
                return found
            message = messages.decode_for_worker(data)
            if isinstance(message, messages.Cancel):
                found.append(message.request_id)
            else:
                self._put_off.append(message)

    def send(self, message: Said) -> None:
        """Sends one message, waiting for room."""
        self._end.sendall(messages.encode(message))
