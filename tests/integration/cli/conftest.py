"""What tests of the command line share."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.integration.cli.failures import Failure

from steadfast.app import App, open_app
from steadfast.cli.application import run
from steadfast.faces.roles import Engine, EngineName
from steadfast.settings import ModelSettings, Settings


@pytest.fixture(scope="session")
def embedded_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The engine that needs nothing pulled, loaded once: loading it takes longer than most tests."""
    settings = Settings(models=ModelSettings(dir=tmp_path_factory.mktemp("models")))
    return open_app(settings).open_engine(EngineName.EMBEDDED)


@pytest.fixture
def loaded(embedded_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that leave the engine to the settings get the one that is loaded."""
    monkeypatch.setattr(App, "open_engine", lambda self, name=None: embedded_engine)


@pytest.fixture
def failure(capsys: pytest.CaptureFixture[str]) -> Failure:
    """Runs a command line and checks what every failure has in common."""

    def fail(arguments: Sequence[str]) -> dict[str, Any]:
        status = run([*arguments, "--json"])
        error: dict[str, Any] = json.loads(capsys.readouterr().out)["error"]
        assert error["exit_code"] == status
        assert error["detail"].endswith(".")
        assert error["remedy"].endswith(".")
        assert "Errno" not in error["detail"] + error["remedy"]
        return error

    return fail
