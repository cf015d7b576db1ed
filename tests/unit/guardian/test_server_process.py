"""A server process starts clean, is heard on its pipes, and leaves no descriptor behind."""

import os
import selectors
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from tests.open_files import open_files, opened_since

from steadfast.guardian import orphans
from steadfast.guardian.server_process import ServerProcess, without_handover

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are guarded on Linux only")

Start = Callable[[str], ServerProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server out of Python code; it is ended with the test."""
    started: list[ServerProcess] = []

    def start_code(code: str) -> ServerProcess:
        server = ServerProcess.start([sys.executable, "-c", code], {"MARK": "kept"})
        started.append(server)
        return server

    yield start_code
    for server in started:
        server.kill()
        os.waitpid(server.pid, 0)
        server.close()


def wait_for(fd: int) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        assert selector.select(30)


def lines_of(server: ServerProcess) -> list[bytes]:
    """What it says until it closes its end."""
    heard: list[bytes] = []
    while True:
        wait_for(server.heartbeat_fd)
        lines = server.read_heartbeat()
        if lines is None:
            return heard
        heard += lines


SAY = """
import os, signal, sys
fd = int(os.environ["STEADFAST_HEARTBEAT_FD"])
say = lambda *words: os.write(fd, " ".join(map(str, words)).encode() + b"\\n")
"""


def test_it_is_heard_line_by_line_however_the_pieces_fall(start: Start) -> None:
    server = start(
        SAY + "os.write(fd, b'be'); os.write(fd, b'at\\nready 1'); os.write(fd, b'27.0.0.1 80\\n')"
    )
    assert lines_of(server) == [b"beat", b"ready 127.0.0.1 80"]


def test_it_starts_in_a_group_of_its_own_and_without_input(start: Start) -> None:
    server = start(
        SAY + "say(os.environ['MARK'], os.getpgrp() == os.getpid(), len(sys.stdin.read()), os.getppid())"
    )
    assert lines_of(server) == [b"kept True 0 %d" % os.getpid()]


def test_signals_that_python_ignores_are_not_ignored_in_the_server() -> None:
    show = "grep SigIgn /proc/self/status > /proc/self/fd/$STEADFAST_HEARTBEAT_FD"
    server = ServerProcess.start(["/bin/sh", "-c", show], dict(os.environ))
    (line,) = lines_of(server)
    os.waitpid(server.pid, 0)
    server.close()
    ignored = int(line.split()[1], 16)
    assert not [s for s in (signal.SIGPIPE, signal.SIGXFSZ) if ignored & 1 << s - 1]


def test_a_line_without_end_takes_bounded_memory(start: Start) -> None:
    server = start(SAY + "os.set_blocking(fd, True)\nfor _ in range(100): os.write(fd, b'x' * 10_000)")
    assert lines_of(server) == []
    assert len(server._line) <= 512


def test_stacks_are_kept_up_to_a_limit_and_taken_once(start: Start) -> None:
    server = start("""
import os
fd = int(os.environ["STEADFAST_DUMP_FD"])
os.set_blocking(fd, True)
for _ in range(100):
    os.write(fd, b"x" * 999 + b"\\n")
""")
    wait_for(server.dump_fd)
    while server.read_stacks():
        wait_for(server.dump_fd)
    lines = server.take_stacks()
    assert 60 <= len(lines) <= 66
    assert server.take_stacks() == []


def test_a_program_that_does_not_exist_leaves_no_descriptor_open() -> None:
    before = open_files()
    with pytest.raises(FileNotFoundError):
        ServerProcess.start(["/no/such/program"], {})
    assert opened_since(before) == {}


def test_time_on_the_run_queue_is_counted(start: Start) -> None:
    server = start(SAY + "say('beat'); sys.stdin.close(); import time; time.sleep(300)")
    wait_for(server.heartbeat_fd)
    assert 0.0 <= server.waited_for_processor_s() < 60.0


def test_a_guardian_hands_on_nothing_that_was_meant_for_itself() -> None:
    given = {"STEADFAST_HEARTBEAT_FD": "3", "STEADFAST_LAST_DEATH": "{}", "STEADFAST_DATA_DIR": "/data"}
    assert without_handover(given) == {"STEADFAST_DATA_DIR": "/data"}


def test_every_child_that_ended_is_collected_with_its_cause() -> None:
    pids = {
        os.posix_spawn(sys.executable, [sys.executable, "-c", code], {}): expected
        for code, expected in [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", -9)]
    }
    for pid in pids:  # both are dead, neither is collected
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert pid not in orphans.children()
    collected = orphans.reap()
    assert {pid: collected[pid] for pid in pids} == pids
