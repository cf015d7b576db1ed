"""The machine is described as this process may use it, not as it is built."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from steadfast.doctor import machine
from steadfast.doctor.finding import Finding, Health
from steadfast.doctor.machine import Memory, examine_machine, read_memory


def found(name: str, folder: Path) -> Finding:
    return next(f for f in examine_machine(folder) if f.name == name)


def container(root: Path, group: str, **files: str) -> None:
    """A version-2 cgroup with these files."""
    folder = root / "cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (root / "self").write_text(f"0::/{group}\n")
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def memory_in(root: Path) -> Memory:
    return read_memory(cgroup=root / "cgroup", membership=root / "self")


def test_a_containers_limit_counts_and_its_file_cache_is_not_held_against_it(tmp_path: Path) -> None:
    container(
        tmp_path,
        "a/b",
        memory_max=f"{512 << 20}\n",
        memory_current=f"{300 << 20}\n",
        memory_stat=f"anon 1\ninactive_file {100 << 20}\n",
    )
    memory = memory_in(tmp_path)
    assert memory.is_limited
    assert memory.total_bytes == 512 << 20
    assert memory.available_bytes == (512 - 200) << 20


def test_a_limit_of_an_outer_group_holds_for_the_inner_one(tmp_path: Path) -> None:
    container(tmp_path, "outer", memory_max=f"{256 << 20}", memory_current="0")
    container(tmp_path, "outer/inner", memory_max="max", memory_current="0")
    assert memory_in(tmp_path).total_bytes == 256 << 20


def test_of_several_limits_the_tightest_counts_and_so_does_what_is_left_of_each(tmp_path: Path) -> None:
    container(tmp_path, "outer", memory_max=f"{256 << 20}", memory_current=f"{250 << 20}")
    container(tmp_path, "outer/inner", memory_max=f"{128 << 20}", memory_current=f"{8 << 20}")
    memory = memory_in(tmp_path)
    assert memory.total_bytes == 128 << 20
    assert memory.available_bytes == 6 << 20


def test_the_first_version_of_cgroups_is_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "cgroup" / "memory" / "box"
    folder.mkdir(parents=True)
    (tmp_path / "self").write_text("7:memory:/box\n3:cpu,cpuacct:/other\n")
    (folder / "memory.limit_in_bytes").write_text(str(128 << 20))
    (folder / "memory.usage_in_bytes").write_text(str(28 << 20))
    assert memory_in(tmp_path).available_bytes == 100 << 20


def test_without_a_limit_the_machine_counts(tmp_path: Path) -> None:
    container(tmp_path, "free", memory_max="max", memory_current="123")
    memory = memory_in(tmp_path)
    assert not memory.is_limited
    assert memory.total_bytes == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("available_mib", "health"), [(100, Health.RED), (1024, Health.YELLOW), (4096, Health.GREEN)]
)
def test_memory_is_coloured_by_what_is_left(
    available_mib: int, health: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(8 << 30, available_mib << 20, is_limited=False)
    monkeypatch.setattr(machine, "read_memory", lambda: memory)
    assert found("Memory", tmp_path).health is health


@pytest.mark.parametrize(
    ("free_mib", "health"), [(1, Health.RED), (512, Health.YELLOW), (9000, Health.GREEN)]
)
def test_disks_are_coloured_by_what_is_free(
    free_mib: int, health: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free_mib << 20))
    finding = found("Model folder", tmp_path / "not" / "made" / "yet")
    assert finding.health is health
    assert bool(finding.remedy) == (health is not Health.GREEN)


def test_a_container_that_the_kernel_ends_as_a_whole_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Out of memory" not in {finding.name for finding in examine_machine(tmp_path)}
    monkeypatch.setattr(machine, "is_killed_as_a_group", lambda: True)
    warned = found("Out of memory", tmp_path)
    assert warned.health is Health.YELLOW
    assert "memory.oom.group" in warned.summary


def test_one_core_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "owned_cores", lambda: 1)
    assert found("Cores", tmp_path).health is Health.YELLOW


def test_this_python_is_good_enough(tmp_path: Path) -> None:
    assert found("Python", tmp_path).health is Health.GREEN
