"""`steadfast dash` in a real terminal: it outlives a restart of the service and gives the terminal back."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from tests.unit.dashboard.statuses import status

_WITHIN_S = 60.0


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = msgspec.json.encode(status())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def service(port: int = 0) -> Iterator[int]:
    """Answers every question with a status."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Terminal:
    """A pseudo-terminal with the dashboard in it."""

    def __init__(self, url: str) -> None:
        self.here, there = pty.openpty()
        self.there = there
        self.resize(80, 24)
        self.before = termios.tcgetattr(there)
        environment = os.environ | {"STEADFAST_URL": url, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "steadfast", "dash", "--every", "0.5"],
            stdin=there, stdout=there, stderr=there, env=environment, start_new_session=True,
        )  # fmt: skip
        self.shown = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.there, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def await_words(self, *words: str) -> None:
        """Until all of them were drawn since the last such wait."""
        until_s = time.monotonic() + _WITHIN_S
        while not all(word in self.plain for word in words):
            assert time.monotonic() < until_s, (words, self.plain[-4000:])
            ready, _, _ = select.select([self.here], [], [], 0.2)
            if ready:
                self.shown += os.read(self.here, 65536).decode(errors="replace")
        self.shown = ""

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown)

    def leave(self) -> int:
        """Its exit status; what it writes at the end is read, or it would wait for that."""
        until_s = time.monotonic() + _WITHIN_S
        while self.process.poll() is None and time.monotonic() < until_s:
            if select.select([self.here], [], [], 0.1)[0]:
                self.shown += os.read(self.here, 65536).decode(errors="replace")
        return self.process.wait(timeout=1)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.here)
        os.close(self.there)


@pytest.fixture
def dash() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_it_lives_through_a_restart_of_the_service_and_gives_the_terminal_back(dash: list[Terminal]) -> None:
    with service() as port:
        terminal = Terminal(f"http://127.0.0.1:{port}")
        dash.append(terminal)
        terminal.await_words("degraded", "cpu:1", "job_000001", "q quits")
    terminal.await_words("reconnecting", "cpu:1")
    with service(port):
        terminal.await_words("q quits")
        terminal.resize(140, 40)
        terminal.await_words("Device mem", "q quits")
        os.write(terminal.here, b"\x1b[A")  # an arrow, which begins with Escape and quits nothing
        terminal.await_words("Device mem")
        os.write(terminal.here, b"q")
        assert terminal.leave() == 0
    assert "\x1b[?1049l" in terminal.shown  # what stood there before the dashboard is back
    assert termios.tcgetattr(terminal.there) == terminal.before


def test_ctrl_c_and_a_stop_give_the_terminal_back_too(dash: list[Terminal]) -> None:
    with service() as port:
        for sent, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            terminal = Terminal(f"http://127.0.0.1:{port}")
            dash.append(terminal)
            terminal.await_words("q quits")
            terminal.process.send_signal(sent)
            assert terminal.leave() == expected
            assert "\x1b[?1049l" in terminal.shown
            assert "Traceback" not in terminal.shown
            assert termios.tcgetattr(terminal.there) == terminal.before


def test_in_a_pipe_it_looks_once() -> None:
    with service() as port:
        environment = os.environ | {"STEADFAST_URL": f"http://127.0.0.1:{port}"}
        command = [sys.executable, "-m", "steadfast", "dash"]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert "cpu:1" in told
        assert "\x1b" not in told
        plain = subprocess.run(
            [*command, "--json"], env=environment, capture_output=True, text=True, check=True
        )
        assert json.loads(plain.stdout)["workers"][1]["place"] == "cpu:1"
