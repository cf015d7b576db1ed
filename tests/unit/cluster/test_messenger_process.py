"""The server's side of a messenger: a real process that says what it is told to say."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from steadfast.cluster import messenger_process
from steadfast.cluster.message import Errand
from steadfast.cluster.messenger_process import Messenger
from steadfast.cluster.messenger_words import MessengerOptions
from steadfast.jobs.calls import CallOutcome

WANTED = {Errand(capability="", priority=0): 1}
READY = """
import socket, sys
server = socket.socket(fileno=int(sys.argv[1]))
lines = server.makefile("rb")
lines.readline()
server.sendall(b'{"kind":"ready"}\\n')
"""
SILENT = READY + "lines.readline(); lines.readline()"
ENDING = READY + "lines.readline()"


@pytest.fixture
def with_messenger(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs something with a messenger that is ready; nothing needs to listen where its broker would."""

    monkeypatch.setattr(messenger_process, "_FIRST_PAUSE_S", 0.01)

    def begin(program: str, act: Callable[[Messenger], Awaitable[None]]) -> None:
        monkeypatch.setattr(
            messenger_process, "_command", lambda number: (sys.executable, "-I", "-c", program, str(number))
        )

        async def on_call() -> CallOutcome:
            return CallOutcome.NOTHING

        async def run() -> None:
            messenger = Messenger(MessengerOptions(broker_url="memory://", node="n"), on_call, prefix="p")
            living = asyncio.create_task(messenger.run())
            async with asyncio.timeout(30.0):
                while not messenger.is_ready:
                    await asyncio.sleep(0.01)
                await act(messenger)
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)

        asyncio.run(run())

    return begin


def test_whoever_is_stopped_while_it_asks_the_messenger_stops(with_messenger: Callable[..., None]) -> None:
    async def stop_asking(messenger: Messenger) -> None:
        asking = asyncio.create_task(messenger.top_up(WANTED))
        await asyncio.sleep(0)  # it has asked
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with_messenger(SILENT, stop_asking)


def test_a_messenger_that_ends_while_it_is_asked_has_sent_nothing_and_is_followed_by_another(
    with_messenger: Callable[..., None],
) -> None:
    async def ask(messenger: Messenger) -> None:
        assert await messenger.top_up(WANTED) is None
        while messenger.begun < 2:
            await asyncio.sleep(0.01)

    with_messenger(ENDING, ask)


def test_a_process_that_cannot_be_begun_is_begun_later(
    monkeypatch: pytest.MonkeyPatch, with_messenger: Callable[..., None]
) -> None:
    begin, refused = asyncio.create_subprocess_exec, iter([True])

    async def scarce(*command: str, **options: object) -> asyncio.subprocess.Process:
        if next(refused, False):
            raise BlockingIOError("no process can be begun now")
        return await begin(*command, **options)  # type: ignore[arg-type]

    async def see(messenger: Messenger) -> None:
        assert messenger.begun == 1

    monkeypatch.setattr(asyncio, "create_subprocess_exec", scarce)
    with_messenger(SILENT, see)
