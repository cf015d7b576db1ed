"""A worker takes verified files only, writes nothing, and names what somebody else must mend."""

import shutil
from pathlib import Path

import pytest

from steadfast.errors import LicenseNotAccepted, ModelDamaged, ModelMissing
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings
from steadfast.tasks.verified_models import VerifiedModels

NAME = "yunet_n_dynamic"


@pytest.fixture
def folder(tmp_path: Path, shared_models: Path) -> Path:
    models = tmp_path / "models"
    models.mkdir()
    store = ModelStore(ModelSettings(dir=models))
    for file in store.catalogue[NAME].files:
        shutil.copy(shared_models / file.name, models / file.name)
    return models


def models_in(folder: Path, shared_models: Path) -> VerifiedModels:
    return VerifiedModels(ModelStore(ModelSettings(dir=folder, mirror=(shared_models.as_uri(),))))


def test_a_good_file_is_answered(folder: Path, shared_models: Path) -> None:
    assert models_in(folder, shared_models).require(NAME).is_file()


def test_a_damaged_file_is_named_and_left_for_the_server_to_mend(folder: Path, shared_models: Path) -> None:
    models = models_in(folder, shared_models)
    file = ModelStore(ModelSettings(dir=folder)).path(NAME)
    file.write_bytes(b"noise")
    with pytest.raises(ModelDamaged) as refused:
        models.require(NAME)
    assert refused.value.model == NAME
    assert models.damaged == [NAME]
    assert file.read_bytes() == b"noise"


def test_a_missing_model_is_not_fetched_though_a_mirror_has_it(tmp_path: Path, shared_models: Path) -> None:
    models = models_in(tmp_path / "empty", shared_models)
    with pytest.raises(ModelMissing):
        models.require(NAME)
    assert not (tmp_path / "empty").exists()
    assert models.damaged == []


def test_a_file_that_was_there_when_the_server_looked_is_to_be_mended_not_done_without(
    folder: Path, shared_models: Path
) -> None:
    store = ModelStore(ModelSettings(dir=folder))
    file = store.path(NAME)
    models = VerifiedModels(store, vouched_for={str(file)})
    file.unlink()
    with pytest.raises(ModelDamaged):
        models.require(NAME)
    assert models.damaged == [NAME]


def test_a_licence_that_was_not_accepted_stays_refused(tmp_path: Path, shared_models: Path) -> None:
    with pytest.raises(LicenseNotAccepted):
        models_in(tmp_path, shared_models).require("inswapper_128")
