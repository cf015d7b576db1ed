"""Messages keep their borders; noise, silence and death of the other side are told apart."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from steadfast.runtime import messages
from steadfast.runtime.channel import ChannelBroken, ServerChannel, WorkerChannel, open_pair


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = open_pair()
    yield ours, theirs
    ours.close()
    theirs.close()


class Heard:
    def __init__(self, end: socket.socket) -> None:
        self.messages: list[messages.ToServer] = []
        self.broken: list[ChannelBroken] = []
        self.channel = ServerChannel(end, on_message=self.messages.append, on_broken=self.broken.append)


def test_messages_pass_both_ways_in_order(ends: tuple[socket.socket, socket.socket]) -> None:
    heard, worker = Heard(ends[0]), WorkerChannel(ends[1])
    heard.channel.send(messages.Cancel(7))
    heard.channel.send(messages.Stop())
    assert worker.receive() == messages.Cancel(7)
    assert isinstance(worker.receive(), messages.Stop)
    assert worker.cancelled() == []
    worker.send(messages.Progressed(1, 2, 3))
    worker.send(messages.Released())
    heard.channel.read_waiting()
    assert heard.messages[0] == messages.Progressed(1, 2, 3)
    assert isinstance(heard.messages[1], messages.Released)


def test_a_cancellation_is_heard_during_work_and_nothing_else_is_lost(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard, worker = Heard(ends[0]), WorkerChannel(ends[1])
    for message in (messages.Cancel(1), messages.Stop(), messages.Cancel(2)):
        heard.channel.send(message)
    assert worker.cancelled() == [1, 2]
    assert isinstance(worker.receive(), messages.Stop)


def test_it_hears_on_the_event_loop(ends: tuple[socket.socket, socket.socket]) -> None:
    async def test() -> None:
        heard, worker = Heard(ends[0]), WorkerChannel(ends[1])
        heard.channel.listen(asyncio.get_running_loop())
        worker.send(messages.Released())
        while not heard.messages:
            await asyncio.sleep(0)
        heard.channel.close()

    asyncio.run(test())


@pytest.mark.parametrize(
    "noise", [b"\xc1", b"\x93\xa8Finished\x01\x02", b"x" * 200_000, messages.encode(["Stop"])]
)
def test_noise_is_told_and_nothing_after_it_is_believed(
    ends: tuple[socket.socket, socket.socket], noise: bytes
) -> None:
    heard, worker = Heard(ends[0]), WorkerChannel(ends[1])
    ends[1].send(noise[: messages.MAX_MESSAGE_BYTES + 1])
    worker.send(messages.Released())
    heard.channel.read_waiting()
    assert heard.messages == []
    assert len(heard.broken) == 1


def test_a_worker_that_does_not_read_is_found_out_without_waiting(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard = Heard(ends[0])
    with pytest.raises(ChannelBroken) as caught:
        _send_for_ever(heard.channel)
    assert not caught.value.peer_is_gone


def _send_for_ever(channel: ServerChannel) -> None:
    while True:
        channel.send(messages.Retitle("x" * 10_000))


def test_a_worker_that_is_gone_is_told_apart_from_one_that_does_not_read(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard = Heard(ends[0])
    ends[1].close()
    with pytest.raises(ChannelBroken) as caught:
        heard.channel.send(messages.Stop())
    assert caught.value.peer_is_gone
    heard.channel.read_waiting()
    assert heard.broken == []


def test_what_was_sent_before_the_death_is_still_heard(ends: tuple[socket.socket, socket.socket]) -> None:
    heard, worker = Heard(ends[0]), WorkerChannel(ends[1])
    worker.send(messages.Released())
    ends[1].close()
    heard.channel.read_waiting()
    assert len(heard.messages) == 1


def test_a_server_that_is_gone_ends_the_workers_waiting(ends: tuple[socket.socket, socket.socket]) -> None:
    worker = WorkerChannel(ends[1])
    ends[0].close()
    assert worker.receive() is None


def test_closing_twice_is_harmless(ends: tuple[socket.socket, socket.socket]) -> None:
    heard = Heard(ends[0])
    heard.channel.close()
    heard.channel.close()
    heard.channel.read_waiting()
