"""The server's side of its messenger: begun, begun again, asked and heard.

A messenger that ends costs nothing: what was called for goes on, its messages come again and find their steps
leased, and until the next one is there the scheduler looks into the database by itself.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from steadfast.cluster.message import Errand
from steadfast.cluster.messenger_words import (
    Answer,
    Call,
    Depths,
    MessengerOptions,
    Ready,
    Suspects,
    TopUp,
    read_as_server,
    written,
)
from steadfast.jobs.calls import CallOutcome

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 3.0
_REACHED_WITHIN_S = 3.0
_READY_WITHIN_S = 60.0
_ANSWER_WITHIN_S = 10.0
_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}
_LINE_BYTES = 1 << 20


@dataclass(kw_only=True, slots=True)
class _Life:
    """One messenger process."""

    process: asyncio.subprocess.Process
    writer: asyncio.StreamWriter
    is_ready: bool = False
    is_over: bool = False
    asked: dict[int, "asyncio.Future[Depths]"] = field(default_factory=dict)

    def end(self) -> None:
        """Kills it, once."""
        if not self.is_over:
            self.is_over, self.is_ready = True, False
            # Not by its own method, which would reap a process that has ended before whoever waits for it.
            if self.process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(self.process.pid, signal.SIGKILL)


class Messenger:
    """One per server; lives on its event loop."""

    def __init__(
        self, options: MessengerOptions, on_call: Callable[[], Awaitable[CallOutcome]], *, prefix: str
    ) -> None:
        """`on_call`: takes one step and answers when it is over."""
        self._options = options
        self._on_call = on_call
        self._prefix = prefix
        self._life: _Life | None = None
        self._number = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._is_listening = True
        self._suspects: tuple[str, ...] = ()
        """Queues that the broker may have lost: the next messenger is to look."""
        self.called_at_s = 0.0
        """When the last message came; monotonic."""
        self.begun = 0
        """How many there have been."""

    @property
    def is_ready(self) -> bool:
        """Whether the broker is there and messages come and go."""
        return self._life is not None and self._life.is_ready

    @property
    def is_listening(self) -> bool:
        """Whether messages come."""
        return self.is_ready and self._is_listening and bool(self._options.queues)

    async def run(self) -> None:
        """Keeps a messenger for ever."""
        pause_s = _FIRST_PAUSE_S
        while True:
            while not await _is_reached(self._options.broker_url):
                await asyncio.sleep(_FIRST_PAUSE_S)
                pause_s = _FIRST_PAUSE_S
            began_s = time.monotonic()
            try:
                await self._live()
            except OSError as error:  # no process could be begun: perhaps in a while
                _log.warning("messenger not begun", extra={"detail": error.strerror})
            if time.monotonic() - began_s > _READY_WITHIN_S:
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 1.5 * pause_s)

    def listen(self, *, wanted: bool) -> None:
        """Has messages come, or come no more; what is in work goes on."""
        if wanted != self._is_listening:
            self._is_listening = wanted
            self.begin_again()

    def begin_again(self) -> None:
        """Ends the messenger; `run` begins another."""
        if self._life is not None:
            self._life.end()

    def listen_to(self, errands: Iterable[Errand]) -> None:
        """Has messages for other errands come, too."""
        queues = tuple(errand.queue(self._prefix) for errand in errands)
        if set(queues) - set(self._options.queues):
            self._options = msgspec.structs.replace(self._options, queues=queues)
            self.begin_again()

    async def top_up(self, wanted: Mapping[Errand, int]) -> Mapping[Errand, int] | None:
        """Has that many messages wait for each errand; how many there were, or None: the broker is away."""
        life = self._life
        if life is None or not life.is_ready:
            return None
        self._number += 1
        queues = {errand.queue(self._prefix): errand for errand in wanted}
        line = TopUp(
            number=self._number,
            wanted={name: wanted[errand] for name, errand in queues.items()},
            bodies={name: errand.body() for name, errand in queues.items()},
        )
        answer = asyncio.get_running_loop().create_future()
        life.asked[line.number] = answer
        try:
            life.writer.write(written(line))
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                found: Depths = await answer
        except OSError:  # it has ended, or says nothing in time: another one will
            life.end()
            return None
        finally:
            life.asked.pop(line.number, None)
        return {queues[name]: count for name, count in found.waiting.items()}

    async def stop(self) -> None:
        """Ends it; whoever runs `run` has cancelled that."""
        self.begin_again()
        for call in tuple(self._calls):
            call.cancel()

    # --- one life -------------------------------------------------------------------------------------

    async def _live(self) -> None:
        here, there = socket.socketpair()
        try:
            with there:
                process = await asyncio.create_subprocess_exec(
                    *_command(there.fileno()), pass_fds=(there.fileno(),), stdin=asyncio.subprocess.DEVNULL
                )
        except BaseException:
            here.close()
            raise
        reader, writer = await asyncio.open_connection(sock=here, limit=_LINE_BYTES)
        self._life = life = _Life(process=process, writer=writer)
        self.begun += 1
        options = self._options
        if not self._is_listening:
            options = msgspec.structs.replace(options, queues=())
        options = msgspec.structs.replace(options, suspects=self._suspects)
        self._suspects = ()
        try:
            writer.write(written(options))
            while text := await reader.readline():
                self._hear(life, text)
        except OSError:
            pass  # it died with something unread
        except (ValueError, msgspec.DecodeError) as error:
            _log.warning("messenger is not understood", extra={"detail": str(error)})
        finally:
            self._life = None
            for answer in life.asked.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the messenger has ended"))
            writer.close()
            was_ended = life.is_over
            life.end()
            await process.wait()
        if not was_ended:
            _log.warning("messenger ended", extra={"status": process.returncode})

    def _hear(self, life: _Life, text: bytes) -> None:
        match read_as_server(text):
            case Ready():
                life.is_ready = True
            case Suspects(queues=queues):
                self._suspects = queues
            case Call(call=number):
                self.called_at_s = time.monotonic()
                call = asyncio.get_running_loop().create_task(self._answer(life, number))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
            case Depths() as found:
                answer = life.asked.get(found.number)
                if answer is not None and not answer.done():
                    answer.set_result(found)

    async def _answer(self, life: _Life, number: int) -> None:
        outcome = CallOutcome.BUSY
        try:
            outcome = await self._on_call()
        finally:
            if not life.writer.is_closing():
                life.writer.write(written(Answer(call=number, outcome=outcome.value)))


def _command(descriptor: int) -> Sequence[str]:
    return sys.executable, "-P", "-m", "steadfast.cluster.messenger", str(descriptor)


async def _is_reached(broker_url: str) -> bool:
    """Whether anything listens there: a process need not be begun to learn that nothing does."""
    parts = urlsplit(broker_url)
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None or parts.hostname is None:
        return True
    try:
        async with asyncio.timeout(_REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
