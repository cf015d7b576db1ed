"""What happens in a worker comes to the server line by line, and is believed as far as its shape goes."""

import json
import logging
import os
from collections.abc import Iterator

import pytest
from tests.unit.health.probes.surroundings import Hand

from steadfast import events
from steadfast.inference.facts import ModelLoaded
from steadfast.runtime.worker_log import Said, WorkerLines, tell_in_lines
from steadfast.spans import RECORDER


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    monkeypatch.setattr(events, "_subscribers", [])
    root = logging.getLogger()
    handlers = list(root.handlers)
    reading, writing = os.pipe()
    yield reading, writing
    root.handlers[:] = handlers
    logging.getLogger("steadfast").setLevel(logging.NOTSET)
    os.close(reading)
    os.close(writing)


def said(reading: int) -> list[Said]:
    return WorkerLines(Hand()).take(os.read(reading, 1 << 16).decode())


def test_events_and_log_records_of_a_worker_arrive_as_what_they_were(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    tell_in_lines(writing)
    events.publish(ModelLoaded(model="yunet", providers=("CPUExecutionProvider",), threads=2, load_s=0.5))
    logging.getLogger("steadfast.faces").warning("odd", extra={"file": "/home/grandma"})
    loaded, odd = said(reading)
    assert loaded == Said(
        kind="model_loaded",
        level="",
        fields={"model": "yunet", "providers": ["CPUExecutionProvider"], "threads": 2, "load_s": 0.5},
    )
    assert (odd.kind, odd.level, odd.fields["text"]) == ("worker_log", "warning", "odd")
    assert "file" not in odd.fields


def test_a_line_never_is_longer_than_what_a_pipe_takes_in_one_piece(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    tell_in_lines(writing)
    many = tuple(f"provider{index}" * 60 for index in range(100))
    events.publish(ModelLoaded(model="m" * 9000, providers=many, threads=2, load_s=0.5))
    data = os.read(reading, 1 << 16)
    assert len(data) <= 4096
    assert json.loads(data)["event"] == "model_loaded"


def test_lines_are_found_in_pieces_and_between_other_text() -> None:
    lines = WorkerLines(Hand())
    assert lines.take('free text\n{"event":"model_lo') == []
    assert [one.kind for one in lines.take('aded","model":"x"}\nmore text\n')] == ["model_loaded"]


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"Two Words"}',
        '{"event":"x","deep":{"a":1}}',
        '{"event":"x"',
        '{"event":"' + "x" * 100 + '"}',
        '{"event":"' + "[" * 100_000,
    ],
)
def test_what_has_another_shape_is_nothing(line: str) -> None:
    assert WorkerLines(Hand()).take(line + "\n") == []


def test_names_of_fields_are_words_and_levels_are_known_ones() -> None:
    (one,) = WorkerLines(Hand()).take('{"event":"x","level":"grandma","Grand Ma":"y","model":"z"}\n')
    assert one == Said(kind="x", level="", fields={"model": "z"})


def test_a_worker_that_talks_without_end_is_heard_within_a_budget() -> None:
    clock = Hand()
    lines = WorkerLines(clock)
    flood = '{"event":"x"}\n' * 10_000
    assert len(lines.take(flood)) == 400
    assert lines.take(flood) == []
    clock.pass_(10)
    assert len(lines.take(flood)) == 200


def test_what_is_done_for_a_traced_request_names_its_trace_and_nothing_else_does(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    tell_in_lines(writing)
    trace = "0af7651916cd43dd8448eb211c80319c"
    with RECORDER.recording(f"00-{trace}-b7ad6b7169203331-01"):
        events.publish(ModelLoaded(model="yunet", providers=(), threads=2, load_s=0.5))
        logging.getLogger("steadfast.faces").warning("odd")
    logging.getLogger("steadfast.faces").warning("later")
    assert [line.fields.get("trace_id") for line in said(reading)] == [trace, trace, None]
