"""One connection: HTTP/1.1 from a socket to an `Exchange` and back, with nothing in between.

uvicorn accepts connections and closes them in order; its protocol is replaced by this one. A request costs
one task and no ASGI messages. The pieces of a body go to an `Inbox` as they came. Headers must be complete
within a time and a size; a body that nobody reads any more is swallowed for a while, so that the client
sees the refusal and not a reset; and when the client leaves, the work for it ends.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.config import Config
from uvicorn.server import ServerState

from steadfast.api.exchange import Exchange, new_request_id
from steadfast.api.inbox import Inbox
from steadfast.api.patience import Patience
from steadfast.api.problem import problem_of
from steadfast.api.proxies import TrustedProxies
from steadfast.api.reply import WireReply, head_of
from steadfast.errors import HeadTooLarge, MalformedRequest, SlowClient, SteadfastError

_log = logging.getLogger(__name__)

MAX_HEAD_BYTES: Final = 64 * 1024
_SWALLOWED_BYTES: Final = 16 << 20
_SWALLOW_S: Final = 5.0
_TOO_LARGE: Final = f"The headers take more than {MAX_HEAD_BYTES // 1024} KiB."

Serve = Callable[[Exchange], Coroutine[Any, Any, None]]


class _HeadIsTooLarge(Exception):
    """Raised through the parser, which cannot be stopped otherwise."""


class Connection(asyncio.Protocol):
    """A client's connection; what is a class variable is set on a subclass by the server."""

    serve: Serve
    """Answers one request, whatever happens."""
    proxies: ClassVar[TrustedProxies] = TrustedProxies(())
    header_timeout_s: ClassVar[float] = 10.0
    keep_alive_s: ClassVar[float] = 75.0
    max_connections: ClassVar[int] = 4096

    def __init__(
        self,
        config: Config,  # noqa: ARG002 — uvicorn makes every protocol with these
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = _loop or asyncio.get_event_loop()
        self._state = server_state
        self._parser: Any = httptools.HttpRequestParser(self)
        # A client that says `Connection: close` and pipelines behind it still gets its first answer.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._writable: asyncio.Future[None] | None = None
        self._writing_paused = False
        self._reading_paused = False
        self.client_left = False
        # The request that is coming in.
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._inbox: Inbox | None = None
        self._incoming: WireReply | None = None
        # The one that is being answered, and those that came behind it.
        self._current: WireReply | None = None
        self._task: asyncio.Task[None] | None = None
        self._work: asyncio.Task[None] | None = None
        """The same, while it ends with the client."""
        self._behind: deque[tuple[Exchange, WireReply]] = deque()
        self._listener: Callable[[bytes], None] | None = None
        """Hears every byte once the connection speaks something else than HTTP."""
        self._closes_when_answered = False
        self._swallowed_bytes = 0
        self._patience = Patience(self._loop, self._lose_patience)

    def end_with_client(self) -> None:
        """Has the task that answers now cancelled when the client leaves."""
        self._work = self._task
        if self._task is not None and self.client_left:
            self._task.cancel()

    def go_on_without_client(self) -> None:
        """It is not cancelled any more."""
        self._work = None

    def take_over(self, listener: Callable[[bytes], None]) -> None:
        """From here on it speaks something else; who answers now has it until it is cut."""
        self._listener = listener

    # --- the socket -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        self._transport = transport
        self._state.connections.add(self)  # type: ignore[arg-type]  # it asks for `shutdown` only
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if len(self._state.connections) > self.max_connections:
            transport.close()
            return
        self._patience.expect_within(self.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client is gone, or was sent away."""
        self.client_left = True
        self._state.connections.discard(self)
        self._patience.end()
        if self._inbox is not None:
            self._inbox.break_off()
        self._behind.clear()
        self.resume_writing()
        self._parser = None
        if self._work is not None:
            self._work.cancel()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        if self._listener is not None:
            self._listener(data)
            return
        if self._incoming is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # answered as if nothing but HTTP/1.1 had been asked for
        except httptools.HttpParserError as error:
            self._send_away(self._why_unreadable(error))
            return
        if self._incoming is not None or self._parser is None:
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._send_away(HeadTooLarge(_TOO_LARGE))
        elif self._current is None and self._head_bytes == len(data):  # its first bytes
            self._patience.expect_within(self.header_timeout_s)

    def _why_unreadable(self, error: httptools.HttpParserError) -> SteadfastError:
        if isinstance(error.__context__, _HeadIsTooLarge):
            return HeadTooLarge(_TOO_LARGE)
        if isinstance(error, httptools.HttpParserCallbackError):
            _log.warning("request not read", exc_info=error)
        return MalformedRequest("The request is no HTTP/1.1.")

    def pause_writing(self) -> None:
        """The client takes less than is written."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It took enough, or is gone."""
        self._writing_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def shutdown(self) -> None:
        """uvicorn ends: after what is being answered, or now."""
        if self._current is None:
            self._close()
        else:
            self._current.keep_alive = False

    # --- what the parser finds ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._url = b""
        self._headers = {}

    def on_url(self, url: bytes) -> None:
        """Some of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """A request can be answered; its body may still be on its way."""
        parser, headers = self._parser, self._headers
        if self._head_bytes > MAX_HEAD_BYTES and _size_of(self._url, headers) > MAX_HEAD_BYTES:
            raise _HeadIsTooLarge
        is_modern = parser.get_http_version() == "1.1"
        method = parser.get_method().decode("ascii")
        path, query = _path_and_query(self._url)
        reply = self._incoming = WireReply(
            self,
            is_head=method == "HEAD",
            is_chunked=is_modern,
            keep_alive=is_modern and parser.should_keep_alive() and not parser.should_upgrade(),
        )
        inbox = self._inbox = Inbox(self, self._loop)
        if is_modern and headers.get(b"expect", b"").lower() == b"100-continue":
            inbox.go_ahead = self._go_ahead
        exchange = Exchange(
            method=method,
            path=path,
            query_string=query,
            headers=headers,
            address=self._address(headers),
            inbox=inbox,
            reply=reply,
            connection=self,
        )
        self._head_bytes = self._swallowed_bytes = 0
        self._patience.wait_on()  # from here on the body's own limits hold
        if self._current is None:
            self._start(exchange, reply)
        else:
            self._behind.append((exchange, reply))
            self.pause_reading()

    def on_body(self, body: bytes) -> None:
        """Some bytes of a body, wanted or not."""
        assert self._incoming is not None
        assert self._inbox is not None
        if not self._incoming.is_complete:
            self._inbox.put(body)
            return
        self._swallowed_bytes += len(body)
        if self._swallowed_bytes > _SWALLOWED_BYTES:
            self._close()

    def on_message_complete(self) -> None:
        """The request is whole."""
        assert self._inbox is not None
        self._inbox.complete()
        self._inbox = self._incoming = None
        if self._closes_when_answered:
            self._close()
        elif self._current is None:  # it was answered before it was whole
            self._patience.wait_on()
            self._patience.expect_within(self.keep_alive_s)

    def _address(self, headers: dict[bytes, bytes]) -> str:
        if not self.proxies:
            return self._peer
        return self.proxies.client_of(self._peer, headers.get(b"x-forwarded-for"))

    def _go_ahead(self) -> None:
        self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # --- answering --------------------------------------------------------------------------------------

    def _start(self, exchange: Exchange, reply: WireReply) -> None:
        self._current = reply
        task = self._task = self._loop.create_task(self.serve(exchange))
        self._state.tasks.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.discard(task)
        if task.cancelled() or task.exception() is not None:
            self._close()  # half an answer, or none

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there to be told."""
        return self.client_left or self._transport is None or self._transport.is_closing()

    def write(self, data: bytes | memoryview) -> None:
        """Hands bytes to the socket."""
        if not self.is_gone:
            assert self._transport is not None
            self._transport.write(data)

    async def drained(self) -> None:
        """Until the client has taken most of what was written before."""
        while self._writing_paused and not self.is_gone:
            self._writable = self._loop.create_future()
            await self._writable

    def reply_is_complete(self, reply: WireReply) -> None:
        """The answer is out: the next one's turn, or time for another request."""
        self._state.total_requests += 1
        self._current = None
        self._patience.wait_on()
        if not reply.keep_alive or self._closes_when_answered:
            self._close_after(reply)
        elif self._behind:
            self._start(*self._behind.popleft())
            return  # whoever pipelines is read on when nobody waits
        elif self._incoming is reply:
            self._patience.expect_within(_SWALLOW_S)  # what is left of its body
        else:
            self._patience.expect_within(self.header_timeout_s if self._head_bytes else self.keep_alive_s)
        self.resume_reading()

    def cut(self) -> None:
        """Closes at once: half an answer must not look like a whole one."""
        self._close()

    def _close_after(self, reply: WireReply) -> None:
        if self._incoming is reply:
            # Closing while the client still sends would reset the connection, and the answer with it.
            self._closes_when_answered = True
            self._patience.expect_within(_SWALLOW_S)
        else:
            self._close()

    # --- reading ----------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Reads no more for now."""
        if not self._reading_paused and not self.is_gone:
            assert self._transport is not None
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads on."""
        if self._reading_paused and not self.is_gone:
            assert self._transport is not None
            self._reading_paused = False
            self._transport.resume_reading()

    # --- sending away -----------------------------------------------------------------------------------

    def _lose_patience(self) -> None:
        if self._head_bytes and self._current is None:
            self._send_away(SlowClient("The headers came too slowly."))
        else:
            self._close()

    def _send_away(self, error: SteadfastError) -> None:
        """Ends it with a last word, unless that would stand in the middle of another answer."""
        if self._current is None:
            body = msgspec.json.encode(problem_of(error, new_request_id().decode()))
            headers = [
                (b"content-type", b"application/problem+json"),
                (b"content-length", b"%d" % len(body)),
                (b"connection", b"close"),
            ]
            self.write(head_of(error.status, headers) + body)
            self._close()
        else:
            self._current.keep_alive = False
            self._behind.clear()
            self.pause_reading()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _size_of(url: bytes, headers: dict[bytes, bytes]) -> int:
    return len(url) + sum(len(name) + len(value) for name, value in headers.items())


def _path_and_query(url: bytes) -> tuple[str, bytes]:
    if url.startswith(b"/") and b"?" not in url and b"%" not in url and b"#" not in url:
        return url.decode("ascii"), b""
    parsed = httptools.parse_url(url)
    path = (parsed.path or b"/").decode("ascii")
    return unquote(path) if "%" in path else path, parsed.query or b""
