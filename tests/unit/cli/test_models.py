"""`steadfast models` says how the models stand and gets them, with an exit status a script can trust."""

import json
from pathlib import Path
from typing import Any

import pytest

from steadfast.cli.application import run
from steadfast.errors import ExitCode
from steadfast.models.catalogue import ModelFamily, builtin_catalogue


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder, no mirror, no settings file, no network."""
    monkeypatch.setenv("STEADFAST_MODELS__DIR", str(tmp_path / "models"))
    monkeypatch.setenv("STEADFAST_MODELS__AUTO_PULL", "never")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "models"


@pytest.fixture
def mirror(shared_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEADFAST_MODELS__MIRROR", shared_models.as_uri())
    return shared_models


def answer_of(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_list_names_every_model_with_state_and_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--json"]) is ExitCode.OK
    rows = answer_of(capsys)["models"]
    assert [row["name"] for row in rows] == [model.name for model in builtin_catalogue()]
    states = {row["name"]: row["state"] for row in rows}
    assert states["mobilefacenet"] == "missing"
    assert states["dlib_68_points"] == "bundled"
    assert states["inswapper_128_fp16"] == "license_needed"


@pytest.mark.parametrize("columns", ["80", "140"])
def test_the_list_shows_every_name_and_licence_whole_at_any_width(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run(["models", "list"]) is ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    text = " ".join(" ".join(lines).split())
    for model in builtin_catalogue():
        assert model.name in text
        assert model.license in text
    assert "…" not in text


def test_pull_without_a_name_brings_the_standard_engine(
    mirror: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "pull", "--json"]) is ExitCode.OK
    rows = answer_of(capsys)["models"]
    assert [row["name"] for row in rows] == [m.name for m in builtin_catalogue().of(ModelFamily.STANDARD)]
    assert all(row["state"] == "ready" and Path(row["path"]).parent == folder for row in rows)


def test_pull_goes_on_past_a_model_that_fails_and_ends_with_its_status(
    mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "pull", "scrfd_10g", "mobilefacenet"]) is ExitCode.UNAVAILABLE
    captured = capsys.readouterr()
    assert "ready" in captured.out
    assert "mobilefacenet" in captured.out
    assert "forbids commercial use" in captured.err
    assert "--accept-license" in captured.err


def test_an_unknown_model_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "pull", "arcface"]) is ExitCode.USAGE
    assert "There is no model 'arcface'" in capsys.readouterr().err


def test_verify_finds_a_flipped_bit_and_repair_mends_it(
    mirror: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["models", "pull", "yunet_n_dynamic"])
    file = folder / "yunet_n_dynamic.onnx"
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    assert run(["models", "verify", "yunet_n_dynamic"]) is ExitCode.UNAVAILABLE
    assert run(["models", "verify", "yunet_n_dynamic", "--repair"]) is ExitCode.OK
    assert file.read_bytes() == (mirror / file.name).read_bytes()
    capsys.readouterr()


def test_verify_reads_what_is_here_and_skips_what_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "verify", "--json"]) is ExitCode.OK
    states = {row["name"]: row["state"] for row in answer_of(capsys)["models"]}
    assert states == {m.name: "bundled" for m in builtin_catalogue() if m.is_bundled}


def test_path_prints_a_path_a_script_can_use_or_fails(
    mirror: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["models", "path", "mobilefacenet"]) is ExitCode.UNAVAILABLE
    assert capsys.readouterr().out == ""
    run(["models", "pull", "mobilefacenet"])
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "20")  # a path must never be wrapped
    assert run(["models", "path", "mobilefacenet"]) is ExitCode.OK
    assert capsys.readouterr().out == f"{folder / 'mobilefacenet.onnx'}\n"


def test_a_wrong_setting_ends_with_the_status_for_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFAST_MODELS__MIRROR", "ftp://example.org")
    assert run(["models", "list"]) is ExitCode.CONFIG
    assert "models.mirror" in capsys.readouterr().err
