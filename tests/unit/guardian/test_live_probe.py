"""The probe asks without waiting, and knows a living server from a broken one."""

import selectors
import socket
from collections.abc import Iterator

import pytest

from steadfast.guardian.live_probe import Address, LiveProbe


class Asked:
    """A probe and the server it asks, stepped by the test."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.selector = selectors.DefaultSelector()
        host, port = listening.getsockname()[:2]
        self.probe = LiveProbe(self.selector, Address(host=host, port=port), timeout_s=2.0)

    def request(self) -> tuple[socket.socket, bytes]:
        """Asks; the server's end of the connection, and the request it got."""
        self.probe.ask(100.0)
        self.step()
        connection, _ = self.listening.accept()
        return connection, connection.recv(1000)

    def step(self) -> bool:
        """One round of the guardian's selector."""
        assert self.selector.select(10)
        return self.probe.proceed()

    def answer(self, *parts: bytes) -> bool:
        """Whether an answer in these parts convinces the probe."""
        connection, _ = self.request()
        verdicts = []
        for part in parts:
            connection.sendall(part)
            verdicts.append(self.step())
        connection.close()
        while self.probe.is_asking:
            verdicts.append(self.step())
        return any(verdicts)


@pytest.fixture
def asked() -> Iterator[Asked]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        asked = Asked(listening)
        yield asked
        asked.probe.close()
        asked.selector.close()


def test_it_asks_the_route_that_asks_nothing_of_a_model(asked: Asked) -> None:
    connection, request = asked.request()
    port = asked.listening.getsockname()[1]
    assert request.startswith(b"GET /health/live HTTP/1.0\r\n")
    assert f"Host: 127.0.0.1:{port}".encode() in request
    connection.close()


@pytest.mark.parametrize(
    ("parts", "convinced"),
    [
        ((b"HTTP/1.1 200 OK\r\n\r\n",), True),
        ((b"HTTP/1.1 2", b"00 OK\r\nX: y\r\n"), True),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n",), True),
        ((b"HTTP/1.1 404\r\n\r\n",), True),
        ((b"HTTP/1.1 500 Internal Server Error\r\n\r\n",), False),
        ((b"HTTP/1.1 2000 Odd\r\n\r\n",), False),
        ((b"SSH-2.0 200 x\r\n",), False),
        ((b"no http at all\r\n",), False),
        ((b"x" * 10_000,), False),
        ((), False),
    ],
    ids=[
        "200",
        "in pieces",
        "too busy",
        "no such route",
        "broken",
        "2000",
        "ssh",
        "gibberish",
        "endless line",
        "closed",
    ],
)
def test_an_answer_is_http_from_a_server_that_is_not_broken(
    asked: Asked, parts: tuple[bytes, ...], convinced: bool
) -> None:
    assert asked.answer(*parts) is convinced


def test_a_server_that_says_nothing_is_given_up_after_the_limit(asked: Asked) -> None:
    connection, _ = asked.request()
    states = []
    for now in (101.9, 102.1):
        asked.probe.give_up_if_late(now)
        states.append(asked.probe.is_asking)
    assert states == [True, False]
    connection.close()


def test_a_closed_port_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with selectors.DefaultSelector() as selector:
        probe = LiveProbe(selector, Address(host="127.0.0.1", port=port), timeout_s=2.0)
        probe.ask(0.0)
        while probe.is_asking:
            selector.select(10)
            assert probe.proceed() is False


@pytest.mark.parametrize(
    ("listens", "asked_at"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.2", "127.0.0.2")]
)
def test_a_server_on_every_interface_is_asked_on_the_loopback(listens: str, asked_at: str) -> None:
    assert Address(host=listens, port=80).reachable == (asked_at, 80)
