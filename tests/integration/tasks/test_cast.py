"""Source photos are read once for many swaps, and again when they change."""

import shutil
from pathlib import Path

import pytest

from steadfast.app import App, open_app
from steadfast.faces.roles import EngineName
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import CastReader, CastRequest


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return open_app(Settings(models=ModelSettings(dir=tmp_path_factory.mktemp("models"))))


@pytest.fixture
def casts(app: App) -> CastReader:
    return CastReader(app.open_engine(EngineName.EMBEDDED), kept=1)


def test_the_same_photo_is_read_once(casts: CastReader, hopper_path: Path) -> None:
    request = CastRequest(sources=(hopper_path,))
    assert casts.read(request) is casts.read(CastRequest(sources=(hopper_path,)))


def test_a_photo_that_changed_is_read_again(
    casts: CastReader, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    photo = tmp_path / "photo"
    shutil.copy(hopper_path, photo)
    first = casts.read(CastRequest(sources=(photo,)))
    shutil.copy(collins_path, photo)
    assert casts.read(CastRequest(sources=(photo,))) is not first


def test_only_the_last_ones_are_kept(casts: CastReader, hopper_path: Path, collins_path: Path) -> None:
    hopper = casts.read(CastRequest(sources=(hopper_path,)))
    casts.read(CastRequest(sources=(collins_path,)))
    assert casts.read(CastRequest(sources=(hopper_path,))) is not hopper
