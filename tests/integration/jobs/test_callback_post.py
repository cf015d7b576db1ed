"""Calls to real receivers: down, slow, endless, redirecting, inside our network, known by a name."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.certificates import own_certificate
from tests.http_receiver import Hook

from steadfast.jobs.callback_guard import CallbackGuard
from steadfast.jobs.callback_post import CallOutcome, SignedPost
from steadfast.jobs.callback_queue import Call, CallState
from steadfast.jobs.webhook_secrets import secret_of_key
from steadfast.signature import SIGNATURE, signature

HERE = "127.0.0.1/32"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def call_to(url: str) -> Call:
    return Call(
        id="call-1",
        job_id="job-1",
        owner="anna",
        task="toy",
        url=url,
        event="job.succeeded",
        body='{"state":"succeeded"}',
        state=CallState.WAITING,
        attempts=2,
        detail="",
        queued_at=NOW,
        due_at=NOW,
    )


def post(
    url: str, *, allowed: Sequence[str] = (HERE,), timeout_s: float = 5.0, tls: ssl.SSLContext | None = None
) -> CallOutcome:
    """One attempt; every name has the address of this machine."""

    async def resolve(name: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    sending = SignedPost(
        CallbackGuard(allowed, resolve=resolve),
        secret="secret",
        timeout_s=timeout_s,
        wall_clock=lambda: 1000.5,
    )
    sending._tls = tls

    async def story() -> CallOutcome:
        return await sending(call_to(url))

    return asyncio.run(story())


@pytest.fixture
def hook() -> Iterator[Hook]:
    receiver = Hook()
    yield receiver
    receiver.close()


@contextmanager
def answering(serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A receiver that does something odd with its one connection; its port."""
    door = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        try:
            link, _ = door.accept()
            with tls.wrap_socket(link, server_side=True) if tls else link as spoken:
                heard = b""
                while not heard.endswith(b"}"):  # what is left unread would end the connection with a reset
                    heard += spoken.recv(65536)
                serve(spoken)
        except OSError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        with socket.socket() as knock:  # whoever still waits for a client has one now
            knock.connect_ex(door.getsockname())
        door.close()
        thread.join(10)


def test_a_call_is_signed_with_its_time_and_says_what_it_is(hook: Hook) -> None:
    outcome = post(hook.url.replace("127.0.0.1", "receiver.test") + "/hook?x=1")
    assert outcome.is_taken
    ((path, headers, body),) = hook.got
    assert (path, body) == ("/hook?x=1", b'{"state":"succeeded"}')
    assert headers[SIGNATURE] == f"t=1000,v1={signature(secret_of_key('secret', 'anna'), 1000, body)}"
    assert headers["Host"].startswith("receiver.test:"), "the name it was called by, not the address"
    assert (headers["X-Steadfast-Event"], headers["X-Steadfast-Delivery"]) == ("job.succeeded", "call-1")
    assert headers["X-Steadfast-Attempt"] == "3"


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (503, False), (404, False), (410, True)])
def test_a_refusal_is_tried_again_unless_it_says_for_good(hook: Hook, status: int, is_final: bool) -> None:
    hook.status = status
    outcome = post(hook.url)
    assert (outcome.is_taken, outcome.is_final) == (False, is_final)
    assert str(status) in outcome.detail


def test_nobody_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    outcome = post(f"http://receiver.test:{port}/")
    assert (outcome.is_taken, outcome.is_final) == (False, False)
    assert "not reached" in outcome.detail


def test_a_redirect_to_the_metadata_address_is_refused_and_nobody_goes_there() -> None:
    def redirect(link: socket.socket) -> None:
        link.sendall(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/latest/\r\n"
            b"Content-Length: 0\r\n\r\n"
        )

    with answering(redirect) as port:
        outcome = post(f"http://receiver.test:{port}/")
    assert (outcome.is_taken, outcome.is_final) == (False, True)
    assert "redirects are not followed" in outcome.detail


def test_an_address_inside_is_refused_before_anything_is_sent(hook: Hook) -> None:
    outcome = post(hook.url.replace("127.0.0.1", "receiver.test"), allowed=())
    assert (outcome.is_taken, outcome.is_final) == (False, True)
    assert "may not be called" in outcome.detail
    assert hook.got == []


def test_a_receiver_that_answers_too_slowly_is_cut_however_it_drips() -> None:
    over = threading.Event()

    def drip(link: socket.socket) -> None:
        for letter in b"HTTP/1.1 200 OK\r\n" * 100:
            if over.wait(0.02):
                return
            link.sendall(bytes([letter]))

    with answering(drip) as port:
        outcome = post(f"http://receiver.test:{port}/", timeout_s=0.3)
        over.set()
    assert (outcome.is_taken, outcome.is_final) == (False, False)
    assert "0.3 s" in outcome.detail


def test_an_answer_without_an_end_is_not_read() -> None:
    sent = []

    def pour(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            sent.append(link.send(bytes(1 << 16)))

    with answering(pour) as port:
        assert post(f"http://receiver.test:{port}/").is_taken
    assert sum(sent) < 64 << 20


def test_headers_without_an_end_are_not_read_either() -> None:
    def pour(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            link.sendall(b"X-More: " + b"a" * 8000 + b"\r\n")

    with answering(pour) as port:
        outcome = post(f"http://receiver.test:{port}/")
    assert (outcome.is_taken, outcome.is_final) == (False, False)


@pytest.mark.parametrize(("name", "is_taken"), [("receiver.test", True), ("other.test", False)])
def test_the_certificate_must_be_the_names_though_the_address_is_called(
    tmp_path: Path, name: str, is_taken: bool
) -> None:
    certificate, key = own_certificate(tmp_path, name="receiver.test")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))

    def accept(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with answering(accept, server) as port:
        assert post(f"https://{name}:{port}/", tls=client).is_taken is is_taken
