"""A start is refused where the engine that was asked for cannot have its models; `auto` takes the next."""

from pathlib import Path

import pytest
from tests.unit.models.mirrors import CONTENT, catalogue_of, damage, tiny_model

from steadfast.doctor.finding import Finding, Health
from steadfast.doctor.start_models import examine_models
from steadfast.models.catalogue import Catalogue, builtin_catalogue
from steadfast.models.store import ModelStore
from steadfast.settings import Settings

TINY = catalogue_of(tiny_model("https://models.invalid/tiny.onnx"))


def found(folder: Path, catalogue: Catalogue | None = None, **sections: object) -> Finding:
    """The worst that is found, with only the models in `folder`."""
    models = {"dir": folder, **sections.pop("models", {})}  # type: ignore[dict-item]
    own = {"entailment": {"enabled": False}}
    settings = Settings.model_validate({"data_dir": folder.parent, "models": models} | own | sections)
    findings = list(examine_models(settings, ModelStore(settings.models, catalogue)))
    order = (Health.RED, Health.YELLOW, Health.GREEN)
    return min(findings, key=lambda one: order.index(one.health))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_the_engine_that_was_asked_for_must_have_its_models(folder: Path) -> None:
    standard = {"engine": "standard"}
    finding = found(folder, TINY, faces=standard)
    assert finding.health is Health.RED
    assert "tiny" in finding.summary
    (folder / "tiny.onnx").write_bytes(CONTENT)
    assert found(folder, TINY, faces=standard).health is Health.GREEN


def test_what_a_mirror_on_this_machine_has_is_as_good_as_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    given = {"faces": {"engine": "standard"}, "models": {"mirror": [f"file://{tmp_path}/mirror"]}}
    assert found(folder, TINY, **given).health is Health.RED
    (tmp_path / "mirror" / "tiny.onnx").write_bytes(CONTENT)
    assert found(folder, TINY, **given).health is Health.GREEN


def test_a_damaged_file_that_nothing_may_replace_is_refused(folder: Path) -> None:
    (folder / "tiny.onnx").write_bytes(CONTENT)
    damage(folder / "tiny.onnx")
    standard = {"engine": "standard"}
    assert found(folder, TINY, faces=standard, models={"auto_pull": "never"}).health is Health.RED
    assert found(folder, TINY, faces=standard, models={"auto_pull": "repair"}).health is Health.GREEN
    told = found(folder, TINY, models={"auto_pull": "repair"})
    assert told.health is Health.YELLOW
    assert told.summary == "damaged: tiny"


def test_by_itself_it_goes_on_with_the_embedded_engine_and_says_so(folder: Path) -> None:
    finding = found(folder, builtin_catalogue())
    assert finding.health is Health.YELLOW
    assert "only the embedded engine works" in finding.summary
    assert found(folder, builtin_catalogue(), faces={"engine": "embedded"}).health is Health.GREEN


def test_the_neural_engine_needs_a_swapper_and_an_identity_model(folder: Path) -> None:
    assert found(folder, builtin_catalogue(), faces={"engine": "neural"}).health is Health.RED


def test_a_large_entailment_model_must_have_its_folder(folder: Path) -> None:
    for entailment in ({}, {"model_dir": folder / "absent"}):
        given = {"entailment": {"enabled": True, "backend": "ofa", **entailment}}
        assert found(folder, builtin_catalogue(), **given).health is Health.RED
    given = {"entailment": {"enabled": True, "backend": "ofa", "model_dir": folder}}
    assert found(folder, builtin_catalogue(), **given).health is Health.YELLOW  # for faces alone
