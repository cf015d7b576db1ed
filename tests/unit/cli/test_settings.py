"""`steadfast settings` tells what is in force and who said so."""

import json
from pathlib import Path

import pytest

from steadfast.cli.application import run
from steadfast.errors import ConfigError
from steadfast.settings import load_settings, with_options


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("STEADFAST_MODELS__MIRROR", "STEADFAST_MODELS__DIR"):
        monkeypatch.delenv(name, raising=False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, object]]:
    assert run(["settings", "--json", *arguments]) == 0
    document: dict[str, dict[str, object]] = json.loads(capsys.readouterr().out)
    return document


def test_each_setting_names_the_variable_the_file_or_the_default_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[server]\nport = 81\ngrace_s = 5\n")
    monkeypatch.setenv("STEADFAST_SERVER__PORT", "82")
    document = told(capsys, "--config", str(file))
    assert document["server.port"] == {"value": 82, "origin": "STEADFAST_SERVER__PORT"}
    assert document["server.grace_s"] == {"value": 5.0, "origin": str(file)}
    assert document["server.host"] == {"value": "127.0.0.1", "origin": "default"}


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STEADFAST_DATABASE__URL", "postgresql://u:geheim@h/x")
    document = told(capsys, "--changed")
    assert document.keys() == {"database.url"}
    assert "geheim" not in json.dumps(document)


def test_what_the_command_line_says_wins_and_is_checked() -> None:
    settings = with_options(load_settings(), {"server.port": 8099, "server.host": None})
    assert (settings.server.port, settings.server.host) == (8099, "127.0.0.1")
    with pytest.raises(ConfigError, match=r"server\.port"):
        with_options(load_settings(), {"server.port": -1})
