"""Whoever asks the store for a model gets verified bytes or one clear error."""

import os
from pathlib import Path

import pytest
from tests.unit.models.mirrors import (
    CONTENT,
    catalogue_of,
    damage,
    running_mirror,
    serving,
    tiny_model,
)

from steadfast.errors import (
    DownloadFailed,
    InvalidOption,
    ModelDamaged,
    ModelMissing,
)
from steadfast.events import Event
from steadfast.models.catalogue import Catalogue, CommercialUse, Model, ModelFamily, ModelFile, ModelRole
from steadfast.models.facts import MirrorFailed, ModelPulled, ModelQuarantined
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import ModelSettings


def test_a_model_of_a_file_mirror_is_fetched_when_it_is_first_needed(
    offline: ModelSettings, facts: list[Event]
) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    assert store.state("tiny") is ModelState.MISSING
    assert store.require("tiny").read_bytes() == CONTENT
    assert store.state("tiny") is ModelState.READY
    assert [type(fact) for fact in facts] == [ModelPulled]


def test_the_mirror_is_asked_before_every_other_url(offline: ModelSettings) -> None:
    with running_mirror() as upstream:
        ModelStore(offline, catalogue_of(tiny_model(upstream.url))).pull("tiny")
    assert upstream.ranges == []


def test_a_mirror_that_lacks_the_file_or_has_another_is_passed_over(
    offline: ModelSettings, mirror_folder: Path, facts: list[Event]
) -> None:
    (mirror_folder / "tiny.onnx").write_bytes(b"x" * len(CONTENT))
    with running_mirror() as upstream:
        store = ModelStore(offline, catalogue_of(tiny_model(upstream.url)))
        assert store.pull("tiny").read_bytes() == CONTENT
    assert [type(fact) for fact in facts] == [MirrorFailed, ModelPulled]


def test_a_missing_model_is_not_taken_from_the_network_unasked(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        with pytest.raises(ModelMissing, match="tiny") as caught:
            ModelStore(settings, catalogue_of(tiny_model(upstream.url))).require("tiny")
        assert "steadfast models pull tiny" in caught.value.remedy
    assert upstream.ranges == []


def test_a_missing_model_is_taken_from_the_network_where_the_user_said_always(
    settings: ModelSettings,
) -> None:
    always = settings.model_copy(update={"auto_pull": "always"})
    with running_mirror() as upstream:
        store = ModelStore(always, catalogue_of(tiny_model(upstream.url)))
        assert store.require("tiny").read_bytes() == CONTENT


def test_a_flipped_bit_sends_the_file_to_quarantine_and_the_right_one_comes_back(
    settings: ModelSettings, facts: list[Event]
) -> None:
    with running_mirror() as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        path = store.pull("tiny")
        damage(path)
        assert store.state("tiny") is ModelState.DAMAGED
        assert store.require("tiny").read_bytes() == CONTENT
    quarantined = list((settings.dir / "quarantine").iterdir())
    assert len(quarantined) == 1
    assert quarantined[0].read_bytes() != CONTENT
    assert [type(fact) for fact in facts] == [ModelPulled, ModelQuarantined, ModelPulled]


def test_a_damaged_model_that_cannot_be_replaced_is_quarantined_and_named(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        damage(store.pull("tiny"))
        upstream.answers.append(serving(b"", status=404))
        with pytest.raises(ModelDamaged, match="404"):
            store.require("tiny")
        assert not store.path("tiny").exists()
        assert store.state("tiny") is ModelState.DAMAGED
        # It stays a case for repair, but not at every start: a dead network costs a timeout each time.
        asked = len(upstream.ranges)
        with pytest.raises(ModelDamaged):
            store.require("tiny")
        assert len(upstream.ranges) == asked
        let_minutes_pass(settings.dir)
        assert store.require("tiny").read_bytes() == CONTENT


def let_minutes_pass(folder: Path) -> None:
    for mark in (folder / ".parts").glob("*.failed"):
        os.utime(mark, (mark.stat().st_atime, mark.stat().st_mtime - 600))


def test_a_pull_by_hand_asks_at_once_whatever_failed_before(settings: ModelSettings) -> None:
    with running_mirror(serving(b"", status=404)) as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        with pytest.raises(DownloadFailed):
            store.pull("tiny")
        assert store.pull("tiny").read_bytes() == CONTENT


def test_nothing_is_fetched_for_a_damaged_model_where_the_user_said_never(settings: ModelSettings) -> None:
    never = settings.model_copy(update={"auto_pull": "never"})
    with running_mirror() as upstream:
        store = ModelStore(never, catalogue_of(tiny_model(upstream.url)))
        damage(store.pull("tiny"))
        asked = len(upstream.ranges)
        with pytest.raises(ModelDamaged):
            store.require("tiny")
        assert len(upstream.ranges) == asked


def test_verifying_changes_nothing(offline: ModelSettings) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    damage(store.require("tiny"))
    assert store.verify("tiny") is ModelState.DAMAGED
    assert store.path("tiny").exists()


def test_a_folder_that_may_only_be_read_serves_what_it_has(offline: ModelSettings) -> None:
    ModelStore(offline, catalogue_of(tiny_model())).require("tiny")
    for leftover in (".locks", ".parts"):
        for path in (offline.dir / leftover).iterdir():
            path.unlink()
        (offline.dir / leftover).rmdir()
    ModelStore(offline, catalogue_of(tiny_model())).require("tiny")
    assert sorted(p.name for p in offline.dir.iterdir()) == ["tiny.onnx"]


def test_a_name_that_is_no_model_gets_the_list_of_those_that_are(offline: ModelSettings) -> None:
    with pytest.raises(InvalidOption, match="yunet") as caught:
        ModelStore(offline, catalogue_of(tiny_model())).require("yunet")
    assert "tiny" in caught.value.remedy


# --- models that a package carries --------------------------------------------------------------------


def bundled_model(package: str) -> Model:
    return Model(
        name="carried",
        role=ModelRole.LANDMARKER,
        family=ModelFamily.EMBEDDED,
        license="Not for sale",
        commercial=CommercialUse.NO,
        files=(ModelFile(name="data/weights.dat", size_bytes=3, sha256=SHA_OF_ABC),),
        package=package,
    )


SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries a file and cannot be imported, as face_recognition_models cannot."""
    folder = tmp_path / "weights_in_a_package"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('pkg_resources is gone')")
    (folder / "data" / "weights.dat").write_bytes(b"abc")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_bundled_model_is_found_without_importing_its_package(
    package: Path, settings: ModelSettings
) -> None:
    store = ModelStore(settings, Catalogue([bundled_model(package.name)]))
    assert store.state("carried") is ModelState.BUNDLED
    assert store.require("carried") == store.pull("carried") == package / "data" / "weights.dat"


def test_a_damaged_bundled_model_is_left_in_place_and_named(package: Path, settings: ModelSettings) -> None:
    (package / "data" / "weights.dat").write_bytes(b"abd")
    store = ModelStore(settings, Catalogue([bundled_model(package.name)]))
    with pytest.raises(ModelDamaged) as caught:
        store.require("carried")
    assert package.name in caught.value.remedy
    assert (package / "data" / "weights.dat").exists()


def test_a_bundled_model_whose_package_is_not_installed_is_missing(settings: ModelSettings) -> None:
    store = ModelStore(settings, Catalogue([bundled_model("no_such_package_here")]))
    assert store.state("carried") is ModelState.MISSING
    with pytest.raises(ModelMissing, match="not installed"):
        store.require("carried")
