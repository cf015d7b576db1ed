"""One connection: uvicorn's protocol, and what it leaves out.

The pieces of a body go to an `Inbox` as they came, without the two copies that uvicorn would make of them.
Headers must be complete within a time and a size; a body that nobody reads any more is swallowed for a while,
so that the client sees the refusal and not a reset; and when the client leaves, the work for it ends.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from steadfast.api.exchange import CONNECTION, INBOX
from steadfast.api.inbox import Inbox

MAX_HEAD_BYTES = 64 * 1024
_SWALLOWED_BYTES = 16 << 20
_SWALLOW_S = 5.0
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """A client's connection; `header_timeout_s` and `max_connections` are set on a subclass by the server."""

    header_timeout_s: ClassVar[float] = 10.0
    max_connections: ClassVar[int] = 4096

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client_left = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._swallowed_bytes = 0
        self._swallow_timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[Any] | None = None
        self._message_complete = True
        self._inbox: Inbox | None = None

    def ends_with_client(self, task: asyncio.Task[Any] | None) -> None:
        """Has this task cancelled when the client leaves; None: no more."""
        self._work = task
        if task is not None and self.client_left:
            task.cancel()

    # --- the protocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or was sent away."""
        self.client_left = True
        self._stop_timers()
        if self._inbox is not None:
            self._inbox.break_off()
        super().connection_lost(exc)
        if self._work is not None:
            self._work.cancel()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        if self._head_timer is not None or self._message_complete:
            self._head_bytes += len(data)
            if self._head_timer is None and not self.transport.is_closing():
                self._await_head()
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._send_away(_TOO_LONG)

    def on_message_begin(self) -> None:
        """The first line of a request."""
        super().on_message_begin()
        self._message_complete = False
        self._inbox = Inbox(self.flow, self.loop)
        self.scope[CONNECTION] = self  # type: ignore[literal-required]  # an extension of ours
        self.scope[INBOX] = self._inbox  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        """From here on the body's own limits hold."""
        self._stop_timers()
        self._head_bytes = self._swallowed_bytes = 0
        super().on_headers_complete()
        assert self._inbox is not None
        if self.cycle.waiting_for_100_continue:
            self._inbox.go_ahead = self._go_ahead

    def on_body(self, body: bytes) -> None:
        """Some bytes of a body, wanted or not."""
        if self.cycle.response_complete:
            self._swallowed_bytes += len(body)
            if self._swallowed_bytes > _SWALLOWED_BYTES:
                self.transport.close()
            return
        assert self._inbox is not None
        self._inbox.put(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._message_complete = True
        self._stop_timers()
        assert self._inbox is not None
        self._inbox.complete()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out; what is left of the body is swallowed for a while."""
        super().on_response_complete()
        if not self._message_complete and not self.transport.is_closing():
            self._swallow_timer = self.loop.call_later(_SWALLOW_S, self.transport.close)

    def _go_ahead(self) -> None:
        self.cycle.waiting_for_100_continue = False
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # --- time -------------------------------------------------------------------------------------------

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.header_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        self._send_away(_TOO_SLOW if self._head_bytes else b"")

    def _send_away(self, answer: bytes) -> None:
        self._stop_timers()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._swallow_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._swallow_timer = None
