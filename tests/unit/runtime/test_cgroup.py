"""The memory cgroup of a process is found in both versions, inside containers and out."""

from pathlib import Path

import pytest

from steadfast.runtime.cgroup import is_killed_as_a_group, memory_folders


def trees(tmp_path: Path, line: str) -> tuple[Path, Path]:
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    (root / "memory").mkdir(parents=True)
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(line)
    return root, proc


def test_the_own_group_comes_first_and_the_root_last(tmp_path: Path) -> None:
    root, proc = trees(tmp_path, "0::/a/b\n")
    (root / "a" / "b").mkdir(parents=True)
    assert memory_folders("self", root=root, proc=proc) == [root / "a" / "b", root / "a", root]


def test_version_1_has_its_own_hierarchy_and_wins_where_both_are_mounted(tmp_path: Path) -> None:
    root, proc = trees(tmp_path, "4:memory:/a\n1:cpu:/\n0::/\n")
    (root / "memory" / "a").mkdir()
    assert memory_folders("self", root=root, proc=proc) == [root / "memory" / "a", root / "memory"]


@pytest.mark.parametrize("text", ["", "nonsense\n", "1:cpu:/\n"])
def test_without_one_there_is_none(text: str, tmp_path: Path) -> None:
    root, proc = trees(tmp_path, text)
    assert memory_folders("self", root=root, proc=proc) == []
    assert memory_folders(7, root=root, proc=proc) == []


def test_a_group_that_is_killed_as_a_whole_is_known(tmp_path: Path) -> None:
    root, proc = trees(tmp_path, "0::/pod\n")
    (root / "pod").mkdir()
    assert not is_killed_as_a_group(root=root, proc=proc)
    (root / "pod" / "memory.oom.group").write_text("1\n")
    assert is_killed_as_a_group(root=root, proc=proc)
