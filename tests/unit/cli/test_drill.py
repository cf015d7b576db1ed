"""`steadfast drill`, as far as it starts nothing."""

import json

import pytest

from steadfast.cli.application import run
from steadfast.errors import ExitCode


def test_the_list_as_json_has_every_fault_with_its_name_and_what_it_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["drill", "--list", "--json"]) is ExitCode.OK
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert len(faults) >= 46
    assert {"name", "group", "what", "lasts_s", "needs_own_server"} <= set(faults[0])
    assert any(fault["name"] == "worker-sigkill" for fault in faults)


def test_the_list_can_be_of_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--list", "--only", "overload,dns-gone"]) is ExitCode.OK
    shown = capsys.readouterr().out
    assert "Ten times as many" in shown
    assert "worker-sigkill" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "overlaod"], "There is no fault 'overlaod'"),
        (["--target", "http://127.0.0.1:9"], "--i-own-this"),
        (["--i-own-this"], "--i-own-this"),
        (["--duration", "soon"], "--duration cannot be 'soon'"),
        (["--duration", "0s"], "--duration cannot be '0s'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_started(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", "--json", *arguments]) is ExitCode.USAGE
    assert words in json.loads(capsys.readouterr().out)["error"]["detail"]
