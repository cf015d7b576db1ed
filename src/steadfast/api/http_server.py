"""uvicorn as a part of this server: it neither handles signals nor ends the process."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn

from steadfast.api.application import Application
from steadfast.api.connection import Connection
from steadfast.api.proxies import TrustedProxies
from steadfast.errors import ConfigError

_BACKLOG = 2048
_SOON_S = 5.0
_LAST_WORDS_S = 0.2
_MOMENT_S = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpOptions:
    """How the server listens."""

    host: str
    port: int
    trusted_proxies: tuple[str, ...] = ()
    header_timeout_s: float = 10.0
    keep_alive_s: float = 75.0
    max_connections: int = 4096


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the service's affair."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets nobody in, hears out those who are in, then closes.

        Closing at once would cut requests that have arrived and were not read yet: those of connections the
        kernel has accepted for us, and those on connections that stood idle a moment ago.
        """
        doors = [listening.dup() for listening in sockets or ()]
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        await asyncio.sleep(_MOMENT_S)  # now nobody holds the address but `doors`
        queue = [late for door in doors for late in _last_comers(door)]
        for late in queue:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, late)
        await asyncio.sleep(_LAST_WORDS_S)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        kind: type[Connection] = self.config.http_protocol_class  # type: ignore[assignment]  # ours
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _last_comers(door: socket.socket) -> list[socket.socket]:
    """Those in the kernel's queue, which closing the door would cut; it is closed in the same breath."""
    queue: list[socket.socket] = []
    with door, contextlib.suppress(OSError):
        door.setblocking(False)
        while True:
            queue.append(door.accept()[0])
    return queue


class HttpServer:
    """Listens, serves and stops."""

    def __init__(self, application: Application, options: HttpOptions) -> None:
        self._options = options
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None
        connection = type(
            "TunedConnection",
            (Connection,),
            {
                "serve": staticmethod(application.serve),
                "proxies": TrustedProxies(options.trusted_proxies),
                "header_timeout_s": options.header_timeout_s,
                "keep_alive_s": options.keep_alive_s,
                "max_connections": options.max_connections,
            },
        )
        config = uvicorn.Config(
            application,
            http=connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the connection's affair
            timeout_graceful_shutdown=int(_SOON_S),
            backlog=_BACKLOG,
        )
        self._server = _Uvicorn(config)

    def bind(self) -> tuple[str, int]:
        """Takes the address and answers it; nobody is served yet. Raises `ConfigError`."""
        options = self._options
        try:
            found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)
            family, kind, number, _, address = found[0]
            self._socket = socket.socket(family, kind, number)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
        except OSError as error:
            raise ConfigError(
                f"The address {options.host}:{options.port} cannot be listened on: {error.strerror}.",
                remedy="Stop whoever uses it, or choose another: steadfast serve --port 8081.",
            ) from error
        host, port = self._socket.getsockname()[:2]
        return host, port

    async def start(self) -> None:
        """Begins to serve."""
        assert self._socket is not None, "bind first"
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                return
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """Takes no more connections, and ends those that are idle; what is being answered is finished."""
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving
