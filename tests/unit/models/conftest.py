"""Retries without pauses, and no proxy between the tests and their own server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from tests.unit.models.mirrors import CONTENT

from steadfast import events
from steadfast.events import Event
from steadfast.settings import ModelSettings


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
def settings(tmp_path: Path) -> ModelSettings:
    """An empty folder, and little patience."""
    return ModelSettings(dir=tmp_path / "models", connect_timeout_s=2.0, read_timeout_s=5.0, attempts=3)


@pytest.fixture
def facts() -> Iterator[list[Event]]:
    """Everything that was stated during the test."""
    heard: list[Event] = []
    stop = events.subscribe(heard.append)
    yield heard
    stop()


@pytest.fixture
def mirror_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror of models"  # a blank in the name must survive the URL
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(CONTENT)
    return folder


@pytest.fixture
def offline(settings: ModelSettings, mirror_folder: Path) -> ModelSettings:
    """Settings with a folder as mirror."""
    return ModelSettings(dir=settings.dir, mirror=(mirror_folder.as_uri(),), attempts=1)
