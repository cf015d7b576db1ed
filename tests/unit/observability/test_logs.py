"""One way out for everything that is logged."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

import steadfast
from steadfast.errors import NoFace
from steadfast.events import publish
from steadfast.observability.logs import configure_logs
from steadfast.runtime.events import WorkerDied
from steadfast.runtime.exit_reason import Cause, ExitReport
from steadfast.settings import LogSettings


class Log:
    """A log in memory; `lines` ends it."""

    def __init__(self, **settings: Any) -> None:
        self.stream = io.StringIO()
        self.logs = configure_logs(LogSettings(**settings), stream=self.stream)

    def text(self) -> str:
        self.logs.close()
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    """Other tests find the standard library's logging as it was."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


def test_where_no_terminal_is_a_line_is_one_json_object() -> None:
    log = Log()
    structlog.get_logger().info("model_loaded", task="face_swap", load_ms=12.5)
    (line,) = log.lines()
    assert line.pop("timestamp").endswith("Z")
    assert list(line.items()) == [
        ("level", "info"),
        ("event", "model_loaded"),
        ("task", "face_swap"),
        ("load_ms", 12.5),
    ]


def test_the_readable_form_has_columns() -> None:
    log = Log(format="console")
    structlog.get_logger().warning("stepped_down", slot="cpu:0", level_now=1)
    assert "stepped_down" in (text := log.text())
    assert "slot=cpu:0" in text
    assert not text.startswith("{")


def test_the_readable_form_shows_an_exception_without_its_message() -> None:
    log = Log(format="console")
    try:
        raise NoFace("No face was found in secret.jpg.")
    except NoFace:
        structlog.get_logger().exception("failed")
    text = log.text()
    assert "NoFace no_face" in text
    assert "secret.jpg" not in text


def test_levels_below_the_chosen_one_are_silent() -> None:
    log = Log(level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("steadfast.x").info("quiet")
    logging.getLogger("steadfast.x").warning("loud")
    assert [line["event"] for line in log.lines()] == ["loud"]


def test_lower_layers_messages_are_told_without_their_arguments() -> None:
    log = Log()
    logging.getLogger("steadfast.tasks").warning(
        "cannot open %s", "/home/ann/a.jpg", extra={"target": "a.jpg"}
    )
    (line,) = log.lines()
    assert line["event"] == "cannot open %s"
    assert "jpg" not in json.dumps(line)


def test_of_other_libraries_only_that_they_spoke_is_told() -> None:
    log = Log()
    logging.getLogger("PIL.Image").warning("cannot identify /home/ann/a.jpg")
    (line,) = log.lines()
    assert (line["event"], line["logger"]) == ("library_message", "PIL.Image")
    assert "ann" not in json.dumps(line)


def test_without_redaction_messages_and_tracebacks_are_whole() -> None:
    log = Log(redact=False)
    try:
        raise NoFace("No face was found in a.jpg.")
    except NoFace:
        logging.getLogger("PIL").exception("cannot identify %s", "a.jpg")
    (line,) = log.lines()
    assert line["text"] == "cannot identify a.jpg"
    assert "No face was found in a.jpg." in line["exception"]


def test_events_of_the_runtime_are_told_with_the_reason_and_without_last_words() -> None:
    log = Log()
    words = "cannot open /home/ann/a.jpg"
    report = ExitReport(pid=7, cause=Cause.SIGNALLED, signal_name="SIGSEGV", last_words=words)
    publish(WorkerDied(task="face_swap", worker="cpu:0-1", report=report, wanted=False))
    (line,) = log.lines()
    assert (line["level"], line["event"], line["cause"]) == ("error", "worker_died", "signalled")
    assert (line["signal_name"], line["pid"], line["worker"]) == ("SIGSEGV", 7, "cpu:0-1")
    assert "ann" not in json.dumps(line)


def test_a_closed_log_hears_nothing_more() -> None:
    log = Log()
    log.logs.close()
    publish(WorkerDied(task="t", worker="w", report=ExitReport(pid=1, cause=Cause.EXITED), wanted=False))
    logging.getLogger("steadfast").warning("late")
    assert log.stream.getvalue() == ""


@pytest.mark.parametrize("value", ["\ud800", 1 << 80, float("nan"), {1: 2}])
def test_a_value_that_is_no_json_still_makes_a_line(value: object) -> None:
    log = Log(redact=False)
    structlog.get_logger().info("odd", value=value)
    assert log.lines()[0]["event"] == "odd"


def test_our_own_log_calls_are_constants_so_that_they_may_be_told() -> None:
    """Only the constant is written; a message put together from values would be written whole."""
    sources = {
        file: file.read_text(encoding="utf-8") for file in Path(steadfast.__file__).parent.rglob("*.py")
    }
    with_logs = {
        file: source for file, source in sources.items() if "logging" in source or "structlog" in source
    }
    assert len(with_logs) > 20
    for file, source in with_logs.items():
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"debug", "info", "warning", "error", "exception", "critical"}
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"_log", "log", "logger"}
            ):
                assert isinstance(node.args[0], ast.Constant), f"{file.name}:{node.lineno}"
