"""Where a model cannot be had, the next-best engine serves and says so."""

from pathlib import Path

import pytest

from steadfast.app import open_app
from steadfast.faces.roles import EngineName
from steadfast.settings import ModelSettings, Settings


@pytest.fixture
def settings(shared_models: Path, tmp_path: Path) -> Settings:
    """The standard models, copied from a mirror, and no network."""
    mirror = (shared_models.as_uri(),)
    return Settings(models=ModelSettings(dir=tmp_path, mirror=mirror, auto_pull="never"))


def without_mirror(settings: Settings) -> Settings:
    return settings.model_copy(update={"models": settings.models.model_copy(update={"mirror": ()})})


def test_a_folder_as_mirror_is_all_the_standard_engine_needs(settings: Settings) -> None:
    assert open_app(settings).open_engine().name is EngineName.STANDARD


def test_a_damaged_model_is_replaced_from_the_mirror_and_the_engine_stays(settings: Settings) -> None:
    open_app(settings).open_engine()
    (settings.models.dir / "mobilefacenet.onnx").write_bytes(b"damaged")
    assert open_app(settings).open_engine().name is EngineName.STANDARD
    assert [p.name.split(".")[0] for p in (settings.models.dir / "quarantine").iterdir()] == ["mobilefacenet"]


def test_a_damaged_model_that_nobody_can_replace_leaves_the_embedded_engine_and_a_note(
    settings: Settings,
) -> None:
    open_app(settings).open_engine()
    (settings.models.dir / "mobilefacenet.onnx").write_bytes(b"damaged")
    engine = open_app(without_mirror(settings)).open_engine()
    assert engine.name is EngineName.EMBEDDED
    assert any("mobilefacenet was damaged and cannot be replaced" in note for note in engine.notes)


def test_missing_models_leave_the_embedded_engine_and_a_note(settings: Settings) -> None:
    engine = open_app(without_mirror(settings)).open_engine()
    assert engine.name is EngineName.EMBEDDED
    assert any(note.startswith("standard: ") for note in engine.notes)
