"""A connection that a client has asked to become a WebSocket (RFC 6455); only the server speaks."""

import asyncio

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from steadfast.api.exchange import Exchange
from steadfast.errors import MalformedRequest

_MOST_BYTES = 4096
"""Of what a client may say; nobody listens to it."""
_CLOSES_WITHIN_S = 2.0


def wants_web_socket(exchange: Exchange) -> bool:
    """Whether the client asks for one."""
    return exchange.headers.get(b"upgrade", b"").lower() == b"websocket"


class WebSocket:
    """One that was accepted."""

    def __init__(self, exchange: Exchange) -> None:
        """Answers 101 and takes the connection over. Raises `MalformedRequest`."""
        key, connection = exchange.headers.get(b"sec-websocket-key"), exchange.connection
        if key is None or exchange.headers.get(b"sec-websocket-version") != b"13" or connection is None:
            raise MalformedRequest("A WebSocket is asked for by version 13 with a key, over HTTP/1.1.")
        self._connection = connection
        self._protocol = ServerProtocol(state=State.OPEN, max_size=_MOST_BYTES)
        self.closed = asyncio.Event()
        """Set once the client has ended it, or is gone."""
        exchange.started, exchange.status = True, 101
        connection.take_over(self._receive)
        connection.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: " + accept_key(key.decode("latin-1")).encode() + b"\r\n\r\n"
        )

    async def send(self, text: bytes) -> None:
        """Sends a message, at the pace of the client."""
        await self._connection.drained()
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(text)
            self._flush()

    def ping(self) -> None:
        """Shows that both are there."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    async def close(self) -> None:
        """Ends it in order, or without a client that does not answer."""
        try:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
            await asyncio.wait_for(self.closed.wait(), _CLOSES_WITHIN_S)
        except (InvalidState, TimeoutError):
            pass
        finally:
            self._connection.cut()

    def _receive(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._protocol.events_received()  # what a client says is dropped
        self._flush()
        if self._protocol.state is not State.OPEN:
            self.closed.set()

    def _flush(self) -> None:
        for piece in self._protocol.data_to_send():
            if piece:
                self._connection.write(piece)
