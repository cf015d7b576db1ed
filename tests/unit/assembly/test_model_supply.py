"""The server supplies workers with models: they may read the folder, and nothing more."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from steadfast.assembly.model_supply import ModelSupply
from steadfast.models.store import ModelStore
from steadfast.models.verification import digest
from steadfast.settings import Settings

STANDARD = {"yunet_n_dynamic", "face_landmark", "mobilefacenet"}


def settings(tmp_path: Path, engine: str, mirror: Path | None = None) -> Settings:
    models: dict[str, object] = {"dir": tmp_path / "models", "auto_pull": "never"}
    if mirror is not None:
        models["mirror"] = (mirror.as_uri(),)
    return Settings.model_validate({"models": models, "faces": {"engine": engine}})


def test_models_that_a_folder_has_are_fetched_for_the_workers(tmp_path: Path, shared_models: Path) -> None:
    supply = ModelSupply(settings(tmp_path, "auto", shared_models))
    assert set(supply.fetch()) >= STANDARD
    assert supply.fetch() == []


def test_the_embedded_engine_needs_no_model_fetched(tmp_path: Path, shared_models: Path) -> None:
    assert ModelSupply(settings(tmp_path, "embedded", shared_models)).fetch() == []


def test_what_every_load_would_compute_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supply = ModelSupply(settings(tmp_path, "embedded"))
    supply.prepare()
    assert [file.name for file in (tmp_path / "models" / "prepared").iterdir()] == ["dlib_hog.unpacked"]
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("computed again"))
    supply.prepare()


def test_nothing_is_prepared_for_an_engine_that_does_not_load(tmp_path: Path) -> None:
    ModelSupply(settings(tmp_path, "standard")).prepare()
    assert not (tmp_path / "models" / "prepared").exists()


def test_the_server_vouches_for_files_that_it_read(tmp_path: Path, shared_models: Path) -> None:
    supply = ModelSupply(settings(tmp_path, "standard", shared_models))
    told = supply.vouched
    supply.fetch()
    asyncio.run(supply.vouch())
    assert told is supply.vouched
    assert {Path(path).stem for path in told} >= STANDARD


@pytest.mark.parametrize(
    ("engine", "vouched"),
    [
        ("standard", STANDARD),
        ("auto", STANDARD),
        ("embedded", {"dlib_face_recognition_resnet_model_v1", "shape_predictor_68_face_landmarks"}),
    ],
)
def test_only_what_workers_load_is_read(
    engine: str, vouched: set[str], tmp_path: Path, shared_models: Path
) -> None:
    supply = ModelSupply(settings(tmp_path, engine, shared_models))
    supply.fetch()
    asyncio.run(supply.vouch())
    read = {Path(path).stem for path in supply.vouched}
    assert vouched <= read
    assert bool(read & STANDARD) == (engine != "embedded")


def test_a_model_that_a_worker_found_damaged_is_read_whatever_its_stamp_says(
    tmp_path: Path, shared_models: Path
) -> None:
    given = settings(tmp_path, "standard", shared_models)
    supply = ModelSupply(given)
    supply.fetch()
    file = tmp_path / "models" / "mobilefacenet.onnx"
    whole = digest(file)
    with file.open("r+b") as stream:
        stream.write(os.urandom(1000))
    rotten = ModelStore(given.models)
    asyncio.run(supply.vouch())
    supply._store.believing({str(file): [*_stamp_of(file), whole]})
    assert supply._store.state("mobilefacenet").is_usable  # what the stamp says
    assert asyncio.run(supply.repair("mobilefacenet"))
    assert digest(file) == whole
    assert rotten.state("mobilefacenet").is_usable
    assert supply.vouched[str(file)][-1] == whole


def test_a_model_that_cannot_be_mended_is_vouched_for_no_longer(tmp_path: Path, shared_models: Path) -> None:
    supply = ModelSupply(settings(tmp_path, "standard", shared_models))
    supply.fetch()
    asyncio.run(supply.vouch())
    supply.follow(settings(tmp_path, "standard"))
    file = tmp_path / "models" / "mobilefacenet.onnx"
    file.write_bytes(b"noise")
    assert not asyncio.run(supply.repair("mobilefacenet"))
    assert str(file) not in supply.vouched


def _stamp_of(file: Path) -> list[int]:
    s = file.stat()
    return [s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns]
