"""The line that was meant is found inside whatever wrapped it."""

import json

import pytest

from steadfast.health.log_diagnosis.log_line import read_line
from steadfast.health.log_diagnosis.timestamps import time_of_fields, time_of_text

MESSAGE = "RuntimeError: CUDA error: out of memory"
AT_S = 1_795_000_000.5  # 2026-11-18T11:06:40.5Z


@pytest.mark.parametrize(
    "wrapped",
    [
        MESSAGE,
        json.dumps({"log": MESSAGE + "\n", "stream": "stderr", "time": "2026-11-18T11:06:40.5Z"}),
        f"2026-11-18T11:06:40.500000000Z stderr F {MESSAGE}",
        f"server-1  | {MESSAGE}",
        f"[pod/server-0/server] {MESSAGE}",
        f"\x1b[31m{MESSAGE}\x1b[0m",
        json.dumps({"__REALTIME_TIMESTAMP": "1795000000500000", "MESSAGE": MESSAGE}),
        json.dumps(
            {"log": json.dumps({"level": "error", "event": MESSAGE}), "time": "2026-11-18T11:06:40.5Z"}
        ),
    ],
)
def test_wrappings_are_taken_off(wrapped: str) -> None:
    line = read_line(wrapped.encode())
    assert MESSAGE in line.text
    assert "{" not in line.text
    assert line.at_s in (None, AT_S)


def test_a_json_line_says_its_texts_but_not_what_clients_sent() -> None:
    fields = {
        "event": "failed",
        "path": "/out-of-memory",
        "error": {"detail": "no space"},
        "user_agent": "segfault",
    }
    line = read_line(json.dumps(fields))
    assert line.text == "failed | no space"
    assert line.fields == fields


def test_the_path_of_a_request_is_no_sign_but_stays_in_the_whole_line() -> None:
    line = read_line('INFO: 127.0.0.1:1 - "GET /docs/segfault.html HTTP/1.1" 404')
    assert "segfault" not in line.text
    assert "404" in line.text
    assert "segfault" in line.whole


@pytest.mark.parametrize(
    "text", ["2026-11-20 10:00:00 DEBUG x out of memory", '{"level": "debug", "event": "x"}']
)
def test_what_libraries_think_aloud_is_chatter(text: str) -> None:
    assert read_line(text).is_chatter
    assert not read_line("ERROR out of memory").is_chatter


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe\xfd caf\xe9", b"", b"{", b'{"a": ', b"[1, 2]", b'{"a": 1e999}', b"{}"]
)
def test_odd_bytes_still_make_a_line(raw: bytes) -> None:
    assert isinstance(read_line(raw).text, str)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-18T11:06:40.5Z x",
        "2026-11-18 11:06:40,500 x",
        "2026-11-18T13:06:40.500+02:00 x",
        "INFO [2026-11-18 11:06:40.500 +0000] x",
        "[GIN] 2026/11/18 - 11:06:40.500 | 200",
    ],
)
def test_times_are_read_in_the_forms_of_many_programs(text: str) -> None:
    assert time_of_text(text) == AT_S


def test_times_without_a_year_or_zone_still_differ_by_what_passed() -> None:
    for first, second in (
        ("Nov 18 11:06:40 node kernel: x", "Nov 18 11:07:40 node kernel: x"),
        ("E1118 11:06:40.000000 1 a.cc:1] x", "E1118 11:07:40.000000 1 a.cc:1] x"),
        ("[  100.000000] x", "[  160.000000] x"),
        ("1.2.3.4 - - [18/Nov/2026:11:06:40 +0000] x", "1.2.3.4 - - [18/Nov/2026:11:07:40 +0000] x"),
    ):
        begin_s, end_s = time_of_text(first), time_of_text(second)
        assert begin_s is not None
        assert end_s is not None
        assert end_s - begin_s == 60


@pytest.mark.parametrize(
    "value", [1_795_000_000.5, "1795000000.5", 1_795_000_000_500, "2026-11-18T11:06:40.5Z"]
)
def test_times_of_json_lines_are_numbers_or_texts(value: object) -> None:
    assert time_of_fields({"ts": value}) == AT_S
    assert time_of_fields({"other": value}) is None


@pytest.mark.parametrize("text", ["no time", "2026-02-31 25:61:61 x", "[99] x", ""])
def test_a_line_without_a_time_that_can_be_has_none(text: str) -> None:
    assert time_of_text(text) in (None, 0.0)
