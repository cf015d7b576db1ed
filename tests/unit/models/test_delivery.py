"""A file comes into the folder whole, once, whoever else asks for it and whatever the disk does."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.models.mirrors import CONTENT, catalogue_of, running_mirror, tiny_model

from steadfast.errors import (
    DiskFull,
    OutputUnwritable,
)
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings


def test_a_folder_that_cannot_be_made_is_named_with_a_remedy(tmp_path: Path, offline: ModelSettings) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = offline.model_copy(update={"dir": tmp_path / "file" / "models"})
    with pytest.raises(OutputUnwritable, match="models") as caught:
        ModelStore(settings, catalogue_of(tiny_model())).pull("tiny")
    assert "STEADFAST_MODELS__DIR" in caught.value.remedy


def test_a_full_disk_is_noticed_before_the_download(
    offline: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadfast.models.delivery.shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(DiskFull, match="1 bytes free"):
        ModelStore(offline, catalogue_of(tiny_model())).pull("tiny")


def test_a_disk_that_fills_up_during_the_download_is_named_and_leaves_no_model(
    offline: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("steadfast.models.download.shutil.copyfileobj", full)
    store = ModelStore(offline, catalogue_of(tiny_model()))
    with pytest.raises(DiskFull):
        store.pull("tiny")
    assert not store.path("tiny").exists()


def test_threads_that_need_a_model_at_once_fetch_it_once(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        threads = [threading.Thread(target=store.pull, args=("tiny",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.require("tiny").read_bytes() == CONTENT
    assert len(upstream.ranges) == 1
