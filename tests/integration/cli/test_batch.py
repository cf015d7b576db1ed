"""`steadfast batch` swaps what it can, says what it could not, and goes on where it stopped."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests import picture_files as files
from tests.http_receiver import Hook

from steadfast.cli.application import run
from steadfast.errors import ExitCode
from steadfast.media.pictures import read_picture


@pytest.fixture
def inputs(loaded: None, tmp_path: Path, hopper_path: Path, collins_path: Path) -> Path:
    """One good target, one that is cut off, and an empty folder for the outputs."""
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.jpg").write_bytes(files.encoded("JPEG")[:500])
    shutil.copy(collins_path, tmp_path / "in" / "collins.png")
    shutil.copy(hopper_path, tmp_path / "hopper.jpg")
    return tmp_path


def batch(inputs: Path, *more: str) -> list[str]:
    return [
        "batch",
        "-s",
        str(inputs / "hopper.jpg"),
        "-t",
        str(inputs / "in"),
        "-o",
        str(inputs / "out"),
        *more,
    ]


def outputs(inputs: Path) -> list[str]:
    return sorted(path.name for path in (inputs / "out").iterdir())


def test_one_failure_is_reported_and_the_rest_is_done(
    inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(batch(inputs, "--json", "--report", str(inputs / "report.json"))) is ExitCode.BAD_INPUT
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"done": 1, "skipped": 0, "failed": 1, "not_run": 0}
    assert {item["state"] for item in report["items"]} == {"done", "failed"}
    assert json.loads((inputs / "report.json").read_text()) == report
    assert outputs(inputs) == ["collins_hopper.png"]
    swapped, target = (read_picture(inputs / p) for p in ("out/collins_hopper.png", "in/collins.png"))
    assert swapped.pixels.shape == target.pixels.shape
    assert (swapped.pixels != target.pixels).any()


def test_a_second_run_does_only_what_is_missing(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inputs / "in" / "cut.jpg").unlink()
    (inputs / "out" / "collins_hopper.png").write_bytes(b"done before")
    assert run(batch(inputs, "--json")) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["counts"]["skipped"] == 1
    assert (inputs / "out" / "collins_hopper.png").read_bytes() == b"done before"


def test_a_dry_run_shows_the_names_and_does_nothing(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(batch(inputs, "--dry-run", "--name", "{index:02}-{stem}.webp")) is ExitCode.OK
    shown = capsys.readouterr().out
    assert "01-collins.webp" in shown
    assert "2 not run" in shown
    assert outputs(inputs) == []


@pytest.mark.parametrize(
    ("more", "code", "exit_code"),
    [
        (["--name", "../{stem}.png"], "unsafe_path", ExitCode.USAGE),
        (["--name", "/tmp/{stem}.png"], "unsafe_path", ExitCode.USAGE),
        (["--name", "{nonsense}.png"], "invalid_option", ExitCode.USAGE),
        (["--name", "same.png"], "invalid_option", ExitCode.USAGE),
        (["-t", "nowhere/*.png"], "input_missing", ExitCode.NO_INPUT),
        (["--report", "missing/report.json"], "output_unwritable", ExitCode.CANNOT_CREATE),
        (["--push-metrics", "file:///etc/passwd"], "invalid_option", ExitCode.USAGE),
    ],
)
def test_a_plan_that_cannot_work_is_refused_before_anything_is_written(
    inputs: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: str, exit_code: ExitCode
) -> None:
    assert run(batch(inputs, "--json", *more)) is exit_code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert outputs(inputs) == []


def test_figures_of_a_run_are_pushed_and_name_no_file(inputs: Path) -> None:
    hook = Hook()
    try:
        assert run(batch(inputs, "--push-metrics", hook.url)) is ExitCode.BAD_INPUT
    finally:
        hook.close()
    path, _, body = hook.got[0]
    assert path.startswith("/metrics/job/steadfast_batch/instance")
    assert b'steadfast_batch_items{state="done"} 1.0' in body
    assert b'steadfast_batch_items{state="failed"} 1.0' in body
    assert b"collins" not in body


def test_a_gateway_that_is_away_costs_a_warning_and_nothing_else(
    inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs / "in" / "cut.jpg").unlink()
    assert run(batch(inputs, "--push-metrics", "http://127.0.0.1:9/?token=secret")) is ExitCode.OK
    told = capsys.readouterr().err
    assert "Metrics were not pushed" in told
    assert "secret" not in told
    assert outputs(inputs) == ["collins_hopper.png"]


def test_ctrl_c_stores_the_report_of_what_was_done(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("steadfast.app.App.swap", interrupt)
    assert run(batch(inputs, "--report", str(inputs / "report.json"))) is ExitCode.INTERRUPTED
    report = json.loads((inputs / "report.json").read_text())
    assert report["counts"]["not_run"] == 2
    assert outputs(inputs) == []
