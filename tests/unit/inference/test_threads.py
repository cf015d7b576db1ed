"""A session gets as many threads as the process owns cores, and no more."""

import os
from pathlib import Path

import pytest

from steadfast.inference.threads import SMALL_GRAPH_BYTES, owned_cores, threads_for


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def group(tmp_path: Path, files: dict[str, str], membership: str = "") -> dict[str, Path]:
    """A cgroup tree on disk, and the file that says where this process is in it."""
    for name, text in files.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "self").write_text(membership)
    return {"cgroup": tmp_path / "cgroup", "membership": tmp_path / "self"}


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("files", "membership", "cores"),
    [
        ({}, "", 8),
        ({"cpu.max": "200000 100000"}, "", 2),
        ({"cpu.max": "max 100000"}, "", 8),
        ({"cpu.max": "50000 100000"}, "", 1),
        ({"cpu.max": "rubbish"}, "", 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, "", 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "", 8),
        ({"box/inner/cpu.max": "max 100000", "box/cpu.max": "400000 100000"}, "0::/box/inner\n", 4),
        (
            {"cpu/box/cpu.cfs_quota_us": "500000", "cpu/box/cpu.cfs_period_us": "100000"},
            "4:cpu,cpuacct:/box",
            5,
        ),
    ],
)
def test_the_containers_quota_cuts_the_cores(
    tmp_path: Path, files: dict[str, str], membership: str, cores: int
) -> None:
    assert owned_cores(**group(tmp_path, files, membership)) == cores


def test_affinity_counts_not_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    assert owned_cores(**group(tmp_path, {})) == 3


def test_small_graphs_take_one_thread_and_large_ones_the_cores_owned() -> None:
    assert threads_for(SMALL_GRAPH_BYTES - 1, configured=0, cores=6) == 1
    assert threads_for(SMALL_GRAPH_BYTES, configured=0, cores=6) == 6


def test_the_settings_have_the_last_word() -> None:
    assert threads_for(1, configured=3, cores=6) == 3
