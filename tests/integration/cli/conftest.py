"""What tests of the command line share."""

import pytest

from steadfast.app import App, open_app
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
