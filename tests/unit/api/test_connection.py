"""A connection keeps its promises to whoever is at the other end: in order, in time, and never half."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tests.unit.api.wire import Line, on_line

from steadfast.api.connection import MAX_HEAD_BYTES
from steadfast.api.exchange import Exchange
from steadfast.api.proxies import TrustedProxies


def ask(path: str = "/", body: bytes = b"", *more: str, method: str = "POST", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: here", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def echo(exchange: Exchange) -> None:
    """Answers the whole body."""
    body = b""
    while not exchange.inbox.is_complete or exchange.inbox.has_news:
        if not exchange.inbox.has_news:
            await exchange.inbox.wait()
        body += exchange.inbox.take()
    await exchange.answer(200, b"text/plain", body)


async def refuse(exchange: Exchange) -> None:
    """Answers without looking at the body."""
    await exchange.answer(503, b"text/plain", b"no")


def test_a_request_in_any_number_of_pieces_is_answered_once() -> None:
    async def test() -> None:
        for size in (1, 7, 1000):
            line = Line(echo)
            asked = ask("/a", b"some body")
            for at in range(0, len(asked), size):
                await line.send(asked[at : at + size])
            assert len(line.answers) == 1
            assert line.answers[0].endswith(b"\r\n\r\nsome body")
            assert not line.transport.is_closed

    on_line(test)


def test_pipelined_requests_are_answered_in_their_order_though_the_first_takes_longest() -> None:
    async def slow_first(exchange: Exchange) -> None:
        await asyncio.sleep(1 if exchange.path == "/first" else 0)
        await exchange.answer(200, b"text/plain", exchange.path.encode())

    async def test() -> None:
        line = Line(slow_first)
        await line.send(ask("/first") + ask("/second") + ask("/third"))
        assert line.answers == []
        assert line.transport.is_paused
        await asyncio.sleep(1.1)
        assert [answer.rpartition(b"\r\n")[2] for answer in line.answers] == [
            b"/first",
            b"/second",
            b"/third",
        ]
        assert not line.transport.is_paused

    on_line(test)


def test_a_chunked_body_arrives_whole() -> None:
    async def test() -> None:
        line = Line(echo)
        await line.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await line.send(b"2\r\nde\r\n0\r\n\r\n")
        assert line.answers[0].endswith(b"abcde")

    on_line(test)


def test_who_waits_to_be_told_to_go_on_is_told_only_when_the_body_is_wanted() -> None:
    async def test() -> None:
        wanted, unwanted = Line(echo), Line(refuse)
        head = ask("/", b"x" * 5, "Expect: 100-continue")[:-5]
        await wanted.send(head)
        assert wanted.transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wanted.send(b"hello")
        assert wanted.answers[1].endswith(b"hello")
        await unwanted.send(head)
        assert unwanted.answers[0].startswith(b"HTTP/1.1 503")

    on_line(test)


@pytest.mark.parametrize(
    "asked", [ask(version="1.0"), ask("/", b"", "Connection: close"), ask("/", b"", "Connection: Close")]
)
def test_a_client_of_one_request_is_told_of_the_end_and_left(asked: bytes) -> None:
    async def test() -> None:
        line = Line(echo)
        await line.send(asked)
        assert b"\r\nconnection: close\r\n" in line.answers[0]
        assert line.transport.is_closed

    on_line(test)


def test_head_is_answered_without_a_body_but_with_its_length() -> None:
    async def test() -> None:
        line = Line(refuse)
        await line.send(ask(method="HEAD"))
        assert line.answers[0].endswith(b"\r\n\r\n")
        assert b"content-length: 2\r\n" in line.answers[0]

    on_line(test)


def test_a_refused_body_is_swallowed_and_the_connection_serves_on() -> None:
    async def test() -> None:
        line = Line(refuse)
        asked = ask("/", b"x" * 1000)
        await line.send(asked[:500])
        assert line.answers[0].startswith(b"HTTP/1.1 503")
        await line.send(asked[500:])
        await line.send(ask("/next"))
        assert len(line.answers) == 2

    on_line(test)


def test_a_refused_body_that_does_not_end_is_not_swallowed_for_ever() -> None:
    async def test() -> None:
        for more, patience_s in ((b"", 5.5), (b"x" * (17 << 20), 0.0)):
            line = Line(refuse)
            await line.send(ask("/", b"x" * (18 << 20))[:500])
            await line.send(more)
            await asyncio.sleep(patience_s)
            assert line.answers[0].startswith(b"HTTP/1.1 503")
            assert line.transport.is_closed

    on_line(test)


def test_headers_that_do_not_come_to_an_end_are_cut_with_a_reason() -> None:
    async def test() -> None:
        line = Line(echo, header_timeout_s=10.0)
        for character in b"POST / HT":
            await line.send(bytes([character]))
            await asyncio.sleep(1)
        assert not line.transport.written
        await asyncio.sleep(2)
        assert line.answers[0].startswith(b"HTTP/1.1 408")
        assert json.loads(line.answers[0].partition(b"\r\n\r\n")[2])["code"] == "slow_client"
        assert line.transport.is_closed

    on_line(test)


def test_headers_without_bound_are_cut_with_a_reason() -> None:
    async def test() -> None:
        line = Line(echo)
        await line.send(b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEAD_BYTES)
        assert line.answers[0].startswith(b"HTTP/1.1 431")
        assert line.transport.is_closed

    on_line(test)


def test_headers_over_the_bound_are_refused_though_they_come_at_once_and_a_long_body_is_not() -> None:
    async def test() -> None:
        line = Line(echo)
        await line.send(ask("/", b"", "X: " + "y" * MAX_HEAD_BYTES))
        assert line.answers[0].startswith(b"HTTP/1.1 431")
        assert len(line.answers) == 1
        other = Line(echo)
        await other.send(ask("/", b"y" * 2 * MAX_HEAD_BYTES))
        assert other.answers[0].startswith(b"HTTP/1.1 200")

    on_line(test)


def test_what_is_no_http_is_told_so() -> None:
    async def test() -> None:
        for nonsense in (b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"):
            line = Line(echo)
            await line.send(nonsense)
            assert line.answers[0].startswith(b"HTTP/1.1 400")
            assert json.loads(line.answers[0].partition(b"\r\n\r\n")[2])["code"] == "malformed_request"
            assert line.transport.is_closed

    on_line(test)


def test_nonsense_behind_a_request_does_not_cut_its_answer() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(1)
        await exchange.answer(200, b"text/plain", b"done")

    async def test() -> None:
        line = Line(slow)
        await line.send(ask())
        await line.send(b"\x00\x00")
        await asyncio.sleep(1.1)
        assert line.answers[0].endswith(b"done")
        assert line.transport.is_closed

    on_line(test)


def test_an_idle_connection_is_closed_after_its_time_and_not_before() -> None:
    async def test() -> None:
        line = Line(echo, keep_alive_s=75.0)
        for _ in range(3):
            await line.send(ask())
            await asyncio.sleep(70)
        assert not line.transport.is_closing()
        await asyncio.sleep(10)
        assert line.transport.is_closing()
        assert len(line.answers) == 3

    on_line(test)


def test_a_client_that_leaves_ends_its_work() -> None:
    ended = []

    async def work(exchange: Exchange) -> None:
        assert exchange.connection is not None
        exchange.connection.end_with_client()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append(exchange.path)

    async def test() -> None:
        line = Line(work)
        await line.send(ask("/long"))
        line.connection.connection_lost(None)
        await asyncio.sleep(0.1)
        assert ended == ["/long"]
        assert not line.state.connections

    on_line(test)


def test_an_answer_without_a_known_length_comes_in_chunks_or_until_the_end() -> None:
    async def stream(exchange: Exchange) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        await exchange.answer_stream(b"text/event-stream", pieces())

    async def test() -> None:
        modern, old = Line(stream), Line(stream)
        await modern.send(ask())
        assert modern.answers[0].endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        await old.send(ask(version="1.0"))
        assert old.answers[0].endswith(b"\r\n\r\nonetwo")
        assert old.transport.is_closed

    on_line(test)


def test_who_takes_nothing_is_sent_no_more() -> None:
    async def test() -> None:
        line = Line(echo)
        line.connection.pause_writing()
        await line.send(ask("/", b"first"))
        assert not line.transport.written
        line.connection.resume_writing()
        await asyncio.sleep(0.01)
        assert line.answers[0].endswith(b"first")

    on_line(test)


def test_a_stop_lets_what_is_being_answered_end() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(1)
        await exchange.answer(200, b"text/plain", b"done")

    async def test() -> None:
        busy, idle = Line(slow), Line(slow)
        await busy.send(ask())
        busy.connection.shutdown()
        idle.connection.shutdown()
        assert idle.transport.is_closed
        await asyncio.sleep(1.1)
        assert busy.answers[0].endswith(b"done")
        assert busy.transport.is_closed

    on_line(test)


def test_beyond_the_most_connections_nobody_is_let_in() -> None:
    async def test() -> None:
        assert not Line(echo, max_connections=1).transport.is_closed
        assert Line(echo, max_connections=0).transport.is_closed

    on_line(test)


def test_the_address_is_that_which_a_trusted_proxy_tells() -> None:
    async def tell(exchange: Exchange) -> None:
        await exchange.answer(200, b"text/plain", exchange.address.encode())

    async def test() -> None:
        for proxies, told in ((["127.0.0.1"], b"203.0.113.7"), ([], b"127.0.0.1")):
            line = Line(tell, proxies=TrustedProxies(proxies))
            await line.send(ask("/", b"", "X-Forwarded-For: 198.51.100.1, 203.0.113.7"))
            assert line.answers[0].endswith(b"\r\n\r\n" + told)

    on_line(test)


def test_a_path_is_decoded_and_its_query_kept_apart() -> None:
    async def tell(exchange: Exchange) -> None:
        await exchange.answer(200, b"text/plain", f"{exchange.path} {exchange.query}".encode())

    async def test() -> None:
        line = Line(tell)
        await line.send(ask("/a%20b?full=true"))
        assert line.answers[0].endswith(b"/a b {'full': 'true'}")

    on_line(test)


def test_who_takes_a_connection_over_hears_every_byte_from_then_on_and_no_request_is_read() -> None:
    heard: list[bytes] = []
    served: list[str] = []

    async def take_over(exchange: Exchange) -> None:
        served.append(exchange.path)
        assert exchange.connection is not None
        exchange.connection.take_over(heard.append)
        exchange.started, exchange.status = True, 101
        exchange.connection.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        await asyncio.sleep(3600)

    async def test() -> None:
        line = Line(take_over)
        await line.send(ask("/upgrade", method="GET"))
        await line.send(b"\x81\x00")
        await line.send(ask("/looks-like-a-request"))
        assert heard == [b"\x81\x00", ask("/looks-like-a-request")]
        assert served == ["/upgrade"]
        assert line.transport.written == b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        await asyncio.sleep(300)
        assert not line.transport.is_closed, "no patience of HTTP ends it"

    on_line(test)
