"""`steadfast version` names the program and what it stands on."""

import json
import platform

import numpy
import pytest

from steadfast import __version__
from steadfast.cli.application import run
from steadfast.errors import ExitCode


def test_the_versions_are_those_that_are_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json"]) is ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert answer["steadfast"] == __version__
    assert answer["python"] == platform.python_version()
    assert answer["libraries"]["numpy"] == numpy.__version__
    assert answer["libraries"]["onnxruntime-gpu"] is None or answer["libraries"]["onnxruntime"] is None


def test_people_see_only_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    run(["version"])
    assert "None" not in capsys.readouterr().out


def test_the_option_everyone_tries_first_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) is ExitCode.OK
    assert capsys.readouterr().out == f"steadfast {__version__}\n"
