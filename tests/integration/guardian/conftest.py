"""Real guardians of real, breakable servers."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from steadfast.guardian.launch import guardian_argv
from steadfast.guardian.options import GuardianOptions

FAKE_SERVER = Path(__file__).with_name("fake_server.py")
PATIENCE_S = 90.0  # a failing test's limit; a passing one waits for events, never for this


class LineReader:
    """Reads lines from a pipe, with a limit on the wait."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[str] = []
        self._rest = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(fd, selectors.EVENT_READ)

    def next(self) -> str:
        """The next line; fails when none comes."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._lines:
            if not self._selector.select(deadline - time.monotonic()):
                pytest.fail("nothing more was said")
            received = os.read(self._fd, 65536)
            if not received:
                pytest.fail("the pipe ended")
            *whole, self._rest = (self._rest + received).split(b"\n")
            self._lines = [line.decode() for line in whole]
        return self._lines.pop(0)

    def close(self) -> None:
        self._selector.close()


class Guarded:
    """A guardian, what it logs, and the server under it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.port = 0
        self._said = LineReader(process.stdout.fileno())
        self._logged = LineReader(process.stderr.fileno())

    def event(self, name: str) -> dict[str, Any]:
        """The next logged event of that name; those before it are passed over."""
        while True:
            record: dict[str, Any] = json.loads(self._logged.next())
            if record["event"] == name:
                return record

    def server_says(self, start: str) -> str:
        """The rest of the next line of the server that starts so."""
        while not (line := self._said.next()).startswith(start):
            pass
        return line.removeprefix(start).strip()

    def wait_until_serving(self) -> int:
        """Waits for the next server; the answer is its process id."""
        pid = int(self.event("server_started")["server_pid"])
        self.event("server_ready")
        self.port = int(self.server_says("port:"))
        return pid

    def get(self, path: str) -> str:
        """What the server answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    def ask_without_waiting(self, path: str) -> None:
        """Sends a request that nobody will answer."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=0.2):
            pass

    def exit_code(self) -> int:
        """Waits for the guardian's end."""
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        for reader in (self._said, self._logged):
            reader.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


Start = Callable[..., Guarded]


@pytest.fixture
def start_guarded() -> Iterator[Start]:
    """Starts a guardian over the fake server: `start_guarded("--deaf", restarts=3, env={…})`."""
    started: list[Guarded] = []

    def start(
        *arguments: str,
        env: dict[str, str] | None = None,
        under: Sequence[str] = (),
        **options: float,
    ) -> Guarded:
        server = [sys.executable, str(FAKE_SERVER), *arguments]
        process = subprocess.Popen(
            [*under, *guardian_argv(server, GuardianOptions(**options))],  # type: ignore[arg-type]
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
        started.append(Guarded(process))
        return started[-1]

    yield start
    for guarded in started:
        guarded.close()


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


def wait_until_gone(pid: int) -> None:
    """Waits for the end of a process that is no child of ours."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with selectors.DefaultSelector() as selector:
        selector.register(watched, selectors.EVENT_READ)
        gone = selector.select(PATIENCE_S)
    os.close(watched)
    assert gone, f"process {pid} still lives"


def only_child_of(parent: int) -> int:
    """The one child of a process, as this process namespace numbers it."""
    (child,) = (pid for pid in process_ids() if parent_of(pid) == parent)
    return child


def parent_of(pid: int) -> int | None:
    """None: the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return None


def process_ids() -> list[int]:
    """Every process there is."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
