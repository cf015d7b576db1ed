"""Every outcome of a command line is a sentence, a remedy and a documented exit status."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from steadfast import __version__
from steadfast.cli.application import run
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.output import Output, as_plain_data
from steadfast.errors import ExitCode, NoFace


def application(failure: BaseException | None = None) -> typer.Typer:
    """A program with one command, which fails like this."""
    app = typer.Typer()

    @app.callback()
    def root(context: typer.Context) -> None:
        """A program."""

    @app.command()
    @command
    def work(invocation: Invocation, times: Annotated[int, typer.Option()] = 1) -> None:
        """Do some work."""
        if failure is not None:
            raise failure
        data = {"times": times, "config": invocation.config}
        invocation.output.show(data, f"worked {times} times")

    return app


def test_a_declared_error_is_a_sentence_and_a_remedy_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["work"], application(NoFace("No face in a.jpg."))) is ExitCode.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"Error: No face in a.jpg.\n{NoFace.default_remedy}\n"


def test_with_json_an_error_is_the_one_document_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["work", "--json"], application(NoFace("No face."))) is ExitCode.BAD_INPUT
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"error": NoFace("No face.").as_dict()}
    assert captured.err == ""


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        (MemoryError(), "out_of_host_memory", ExitCode.OUT_OF_MEMORY),
        (OSError(28, "No space left on device", "/x"), "disk_full", ExitCode.DISK_FULL),
        (ZeroDivisionError("division by zero"), "unexpected", ExitCode.UNEXPECTED),
    ],
)
def test_an_error_nobody_translated_still_gets_a_sentence_and_its_own_status(
    failure: Exception, code: str, status: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["work", "--json"], application(failure)) is status
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_a_traceback_is_shown_only_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    run(["work"], application(ZeroDivisionError("by zero")))
    assert "Traceback" not in capsys.readouterr().err
    run(["work", "--debug"], application(ZeroDivisionError("by zero")))
    assert "Traceback" in capsys.readouterr().err


def test_words_of_an_error_are_never_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    run(["work"], application(NoFace("No face in [red]a[/red].jpg.")))
    assert "[red]a[/red].jpg" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--json", "version"], ["version", "--json"]])
def test_json_may_stand_before_or_after_the_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["steadfast"] == __version__


def test_options_of_a_command_and_those_of_every_command_live_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["work", "--times", "3", "--config", "a.toml", "--json"], application()) is ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"times": 3, "config": "a.toml"}
    assert run(["work", "--times", "3"], application()) is ExitCode.OK
    assert capsys.readouterr().out == "worked 3 times\n"


def test_an_interrupted_command_ends_with_130_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["work"], application(KeyboardInterrupt())) is ExitCode.INTERRUPTED
    assert capsys.readouterr().err.startswith("Interrupted")


@pytest.mark.parametrize("arguments", [["work", "--tims", "3"], ["wrok"], ["work", "--times", "x"]])
def test_a_wrong_command_line_points_to_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, application()) is ExitCode.USAGE
    assert "--help`." in capsys.readouterr().err


def test_a_wrong_command_line_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["work", "--tims", "3", "--json"], application()) is ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_every_value_a_command_may_answer_with_becomes_plain_data() -> None:
    value: dict[Any, Any] = {
        ExitCode.OK: [Path("/a"), float("nan"), (1, 2.5)],
        "error": NoFace("x"),
    }
    plain = as_plain_data(value)
    assert plain["0"] == ["/a", None, [1, 2.5]]
    assert plain["error"]["code"] == "no_face"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "steadfast", "version", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.stderr is not None
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == ExitCode.READER_GONE


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from steadfast.cli.application import run; run(['--help']);"
        "print(sorted({'cv2', 'av', 'onnxruntime', 'dlib', 'scipy', 'numpy', 'pydantic', 'httpx'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"


def test_quiet_drops_remarks_but_no_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)
    output.say("A remark.")
    output.warn("A warning.")
    assert capsys.readouterr().err == "Warning: A warning.\n"


def test_where_there_is_no_terminal_no_progress_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().progress() as progress:
        progress.add_task("working", total=10)
    assert capsys.readouterr() == ("", "")


def test_a_string_is_printed_as_it_stands_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    path = "/a/very/long/path/with [brackets] and blanks.onnx"
    Output().show({}, path)
    assert capsys.readouterr().out == f"{path}\n"


def test_an_option_s_wrong_value_is_told_with_those_that_are_allowed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["models", "list", "--engine", "fast"]) is ExitCode.USAGE
    told = "Error: Invalid value for '--engine': 'fast' is not one of 'embedded', 'standard', 'neural',"
    assert capsys.readouterr().err.startswith(told)
