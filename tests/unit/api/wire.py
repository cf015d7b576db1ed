"""A connection without a socket, on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tests.virtual_time import run_in_virtual_time
from uvicorn.config import Config
from uvicorn.server import ServerState

from steadfast.api.connection import Connection
from steadfast.api.exchange import Exchange


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        super().__init__({"peername": (peer, 5000)})
        self.written = b""
        self.is_paused = False
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Line:
    """One client's connection to a service that is one function."""

    def __init__(self, serve: Callable[[Exchange], Coroutine[Any, Any, None]], **tuned: Any) -> None:
        kind = type("Tuned", (Connection,), {"serve": staticmethod(serve), **tuned})
        self.state = ServerState()
        self.transport = FakeTransport()
        self.connection: Connection = kind(Config(app=""), self.state, {}, asyncio.get_running_loop())
        self.connection.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        """Bytes from the client, and time for the service to answer what can be answered."""
        self.connection.data_received(data)
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def answers(self) -> list[bytes]:
        """What has come back, from status line to status line."""
        return [b"HTTP/1.1 " + part for part in self.transport.written.split(b"HTTP/1.1 ")[1:]]


def on_line(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a test that needs a loop."""

    async def main() -> None:
        await test()

    run_in_virtual_time(main())
