"""Retries without pauses, and no proxy between the tests and their own server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

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
