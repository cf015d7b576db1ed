"""`steadfast diagnose` reads logs and says what is wrong."""

import io
import json
from pathlib import Path

import pytest

from steadfast.cli.application import run
from steadfast.errors import ExitCode

LOG = "INFO hello\nERROR ImportError: libGL.so.1: cannot open shared object file\n"


@pytest.fixture(autouse=True)
def no_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of a test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """One with a finding in its second line."""
    file = tmp_path / "server.log"
    file.write_text(LOG)
    return file


def test_a_finding_is_told_with_cause_remedy_and_place(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", str(log)]) is ExitCode.OK
    shown = capsys.readouterr().out
    for told in ("A library is missing: libGL.so.1.", "libgl1", "server.log:2", "1 cause in 2 lines"):
        assert told in shown


def test_with_json_every_finding_is_data(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", str(log), "--json"]) is ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    (finding,) = document["findings"]
    assert (finding["kind"], finding["severity"], finding["count"]) == ("library_missing", "error", 1)
    assert finding["first"]["line"] == 2
    assert (document["lines"], document["skipped"]) == (2, [])


def test_standard_input_is_read_when_it_is_piped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LOG.encode())))
    assert run(["diagnose", "-", "--json"]) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["findings"][0]["first"]["file"] == "-"


def test_a_clean_log_is_said_to_be_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text("INFO all is well\n")
    assert run(["diagnose", str(tmp_path / "a.log")]) is ExitCode.OK
    assert "Nothing is wrong as far as 1 line" in capsys.readouterr().out


def test_escape_sequences_of_a_log_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.log").write_text("\x1b]0;owned\x07 OSError: [Errno 28] No space left on device \x9b31m\n")
    assert run(["diagnose", str(tmp_path / "a.log")]) is ExitCode.OK
    assert not set("\x1b\x07\x9b") & set(capsys.readouterr().out)


def test_rules_of_ones_own_come_by_option_and_by_settings(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        "[[rule]]\nname = 'greeting'\ncause = 'It greets.'\nremedy = 'Greet back.'\n"
        "pattern = 'hello'\nexamples = ['hello']\n"
    )
    run(["diagnose", str(log), "--rules", str(rules), "--json"])
    assert "greeting" in capsys.readouterr().out
    monkeypatch.setenv("STEADFAST_DIAGNOSIS__RULES", str(rules))
    monkeypatch.setenv("STEADFAST_DIAGNOSIS__DISABLED", "library_missing")
    run(["diagnose", str(log), "--json"])
    assert [f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]] == ["greeting"]


def test_a_rule_that_is_wrong_is_a_matter_of_configuration(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.toml").write_text("[[rule]]\nname = 'x'\n")
    assert run(["diagnose", str(log), "--rules", str(tmp_path / "rules.toml")]) is ExitCode.CONFIG
    assert "lacks cause" in capsys.readouterr().err


def test_what_is_no_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_bytes(bytes(range(256)) * 40)
    assert run(["diagnose", str(tmp_path / "a.log")]) is ExitCode.BAD_INPUT
    assert "binary" in capsys.readouterr().err
    assert run(["diagnose", str(tmp_path / "none.log")]) is ExitCode.NO_INPUT


def test_a_log_that_cannot_be_read_is_told_while_the_others_are(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diagnose", str(tmp_path / "none.log"), str(log)]) is ExitCode.OK
    shown = capsys.readouterr()
    assert "cannot be opened" in shown.err
    assert "libGL.so.1" in shown.out
