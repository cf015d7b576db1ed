"""A start finds too little memory, and folders that cannot be written to, before anything else does."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from steadfast.doctor.finding import Finding, Health
from steadfast.doctor.machine import Memory
from steadfast.doctor.start_room import MEMORY_TO_START_BYTES, examine_room
from steadfast.settings import Settings

GIB = 1 << 30
ENOUGH = Memory(8 * GIB, 8 * GIB, is_limited=False)


def free(free_bytes: int, _: Path) -> int:
    return free_bytes


PLENTY = partial(free, 9 * GIB)


def found(
    data: Path,
    memory: Memory = ENOUGH,
    free_bytes: Callable[[Path], int] = PLENTY,
    **more: object,
) -> dict[str, Finding]:
    settings = Settings.model_validate({"data_dir": data} | more)
    return {one.name: one for one in examine_room(settings, memory=memory, free_bytes=free_bytes)}


def test_a_container_too_small_for_one_worker_is_refused_and_the_sentence_has_both_numbers(
    tmp_path: Path,
) -> None:
    memory = found(tmp_path, Memory(256 << 20, 256 << 20, is_limited=True))["Memory"]
    assert memory.health is Health.RED
    assert "the container's limit is 0.2 GiB" in memory.summary
    assert "needs 0.5 GiB" in memory.summary
    at_the_least = Memory(MEMORY_TO_START_BYTES, MEMORY_TO_START_BYTES, is_limited=True)
    assert found(tmp_path, at_the_least)["Memory"].health is Health.YELLOW
    assert found(tmp_path)["Memory"].health is Health.GREEN


def test_a_data_folder_that_cannot_be_written_to_is_refused_and_the_remedy_names_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("os.getuid", lambda: 10001)
    folder = found(tmp_path / "file" / "data")["Data folder"]
    assert folder.health is Health.RED
    assert "Not a directory" in folder.summary
    assert "10001" in folder.remedy


def test_looking_leaves_nothing_behind_but_the_data_folder(tmp_path: Path) -> None:
    assert found(tmp_path / "data")["Data folder"].health is Health.GREEN
    assert list(tmp_path.rglob("*")) == [tmp_path / "data"]


def test_a_folder_of_models_of_its_own_may_be_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    models = found(tmp_path / "data", models={"dir": tmp_path / "file" / "models"})["Model folder"]
    assert models.health is Health.YELLOW


def test_a_full_disk_is_refused_and_a_nearly_full_one_is_told(tmp_path: Path) -> None:
    for free_bytes, health in ((1 << 20, Health.RED), (GIB, Health.YELLOW), (3 * GIB, Health.GREEN)):
        folders = found(tmp_path, free_bytes=partial(free, free_bytes))
        assert folders["Data folder"].health is health


def test_a_container_without_a_temporary_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", none)
    finding = found(tmp_path)["Temporary folder"]
    assert finding.health is Health.RED
    assert "--tmpfs" in finding.remedy
