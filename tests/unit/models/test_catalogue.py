"""The catalogue says the truth about the models, as far as it can be checked here."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.unit.models.mirrors import tiny_model

from steadfast.errors import InvalidOption
from steadfast.faces.roles import EngineName
from steadfast.models.catalogue import (
    Catalogue,
    CommercialUse,
    Model,
    ModelFamily,
    ModelFile,
    builtin_catalogue,
    read_catalogue,
)
from steadfast.models.store import ModelState, ModelStore
from steadfast.models.verification import digest
from steadfast.settings import ModelSettings

EVERY_FILE = [(model, file) for model in builtin_catalogue() for file in model.files]


def test_every_engine_has_its_models_and_no_family_is_anything_else() -> None:
    assert {family.value for family in ModelFamily} == {*(name.value for name in EngineName), "entailment"}
    assert all(builtin_catalogue().of(family) for family in ModelFamily)


@pytest.mark.parametrize(("model", "file"), EVERY_FILE, ids=lambda value: getattr(value, "name", ""))
def test_every_file_has_a_size_a_sum_and_somewhere_to_come_from(model: Model, file: ModelFile) -> None:
    assert file.size_bytes > 100_000
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert bool(file.urls) != model.is_bundled
    if not model.is_bundled:
        assert "/" not in file.name
        assert len({urlsplit(url).hostname for url in file.urls}) == len(file.urls) >= 2
        assert all(url.startswith("https://") and url.endswith(file.name) for url in file.urls)


def test_names_and_files_are_unique() -> None:
    names = [file.name for _, file in EVERY_FILE]
    assert len(names) == len(set(names))
    with pytest.raises(ValueError, match="two models"):
        Catalogue([tiny_model(), tiny_model()])


def test_the_standard_engine_is_free_for_commercial_use_and_the_insightface_models_are_not() -> None:
    for model in builtin_catalogue().of(ModelFamily.STANDARD):
        assert model.commercial is CommercialUse.YES
        assert not model.needs_acceptance
    insightface = [model for model in builtin_catalogue() if "InsightFace (" in model.license]
    assert len(insightface) == 4
    assert all(model.needs_acceptance for model in insightface)


def test_whoever_sees_the_68_points_sees_that_their_training_data_exclude_commercial_use() -> None:
    model = builtin_catalogue()["dlib_68_points"]
    assert model.commercial is CommercialUse.NO
    assert "excludes commercial use" in model.license
    assert not model.needs_acceptance  # the package that carries it is installed: nothing is left to ask


def test_a_name_that_is_none_gets_the_list() -> None:
    with pytest.raises(InvalidOption) as caught:
        builtin_catalogue()["arcface"]
    assert "arcface_w600k_r50" in caught.value.remedy


def test_a_role_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="sorcerer"):
        read_catalogue('[[model]]\nname="x"\nrole="sorcerer"\nfamily="standard"')


def test_the_installed_package_carries_the_embedded_models_byte_for_byte(tmp_path: Path) -> None:
    store = ModelStore(ModelSettings(dir=tmp_path))
    for model in builtin_catalogue().of(ModelFamily.EMBEDDED):
        assert store.state(model.name) is ModelState.BUNDLED


def test_the_standard_models_are_those_that_lie_beside_the_checkout(shared_models: Path) -> None:
    for model in builtin_catalogue().of(ModelFamily.STANDARD):
        for file in model.files:
            assert digest(shared_models / file.name) == file.sha256
            assert (shared_models / file.name).stat().st_size == file.size_bytes


def test_the_standard_engine_comes_whole_from_a_folder_of_models(shared_models: Path, tmp_path: Path) -> None:
    store = ModelStore(ModelSettings(dir=tmp_path, mirror=(shared_models.as_uri(),)))
    for model in store.catalogue.of(ModelFamily.STANDARD):
        assert store.require(model.name).parent == tmp_path
        assert store.state(model.name) is ModelState.READY
