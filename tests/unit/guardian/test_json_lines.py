"""The guardian's log is one JSON object per line, and never blocks."""

import json
import os
from datetime import UTC, datetime

from steadfast.guardian.json_lines import JsonLines


def fixed_time() -> datetime:
    return datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)


def test_an_event_is_one_line_with_its_time_and_fields() -> None:
    read_fd, write_fd = os.pipe()
    JsonLines(write_fd, now=fixed_time).write("server_ended", {"signal": "SIGKILL"})
    line = os.read(read_fd, 4096)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "at": "2026-11-20T10:00:00.123+00:00",
        "event": "server_ended",
        "process": "guardian",
        "signal": "SIGKILL",
    }
    os.close(read_fd)
    os.close(write_fd)


def test_a_reader_that_stopped_reading_costs_lines_and_no_time() -> None:
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    log = JsonLines(write_fd)
    for _ in range(200):
        log.write("server_stacks", {"stacks": ["x" * 1000]})
    received = os.read(read_fd, 1 << 20)
    log.write("server_ready", {})
    last = json.loads(os.read(read_fd, 4096))
    assert last["dropped_lines"] > 0
    assert last["dropped_lines"] + received.count(b"\n") == 200
    os.close(read_fd)
    os.close(write_fd)


def test_a_line_that_was_torn_does_not_spoil_the_next() -> None:
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    log = JsonLines(write_fd)
    log.write("server_stacks", {"stacks": ["x" * (1 << 20)]})
    os.read(read_fd, 1 << 20)
    log.write("server_ready", {})
    assert json.loads(os.read(read_fd, 4096).splitlines()[-1])["event"] == "server_ready"
    os.close(read_fd)
    os.close(write_fd)


def test_a_reader_that_is_gone_is_no_error() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    JsonLines(write_fd).write("server_ready", {})
    os.close(write_fd)
