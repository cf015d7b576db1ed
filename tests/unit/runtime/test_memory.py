"""Memory is read from the kernel, and shares leave room below the limit."""

import os
from pathlib import Path

from steadfast.runtime.memory import cgroup_limit_bytes, resident_bytes, share_of_room

GIB = 1 << 30


def test_memory_that_is_touched_is_seen_and_a_process_that_is_gone_has_none() -> None:
    before = resident_bytes(os.getpid())
    block = bytearray(os.urandom(1 << 20) * 64)
    assert resident_bytes(os.getpid()) - before > 48 << 20
    del block
    assert resident_bytes(2**22 + 1) == 0


def test_all_shares_together_stay_below_the_limit() -> None:
    soft, hard = share_of_room(8 * GIB, processes=3)
    assert soft < hard
    assert 3 * hard < 8 * GIB
    assert share_of_room(-1, processes=0) == (0, 0)


def proc(tmp_path: Path, line: str) -> Path:
    folder = tmp_path / "proc" / "self"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup").write_text(line + "\n")
    return tmp_path / "proc"


def test_the_least_limit_of_the_own_group_and_those_above_counts(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "cgroup" / "pods" / "one"
    own.mkdir(parents=True)
    at = proc(tmp_path, "0::/pods/one")
    (own / "memory.max").write_text("max\n")
    assert cgroup_limit_bytes(root=root, proc=at) is None
    (own.parent / "memory.max").write_text(f"{GIB}\n")
    assert cgroup_limit_bytes(root=root, proc=at) == GIB
    (own / "memory.max").write_text(f"{GIB // 2}\n")
    assert cgroup_limit_bytes(root=root, proc=at) == GIB // 2


def test_the_limit_of_version_1_is_read_and_its_word_for_none_is_known(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    (root / "memory").mkdir(parents=True)
    at = proc(tmp_path, "4:memory:/somewhere/of/the/host")  # as in a container
    limit = root / "memory" / "memory.limit_in_bytes"
    limit.write_text("9223372036854771712\n")
    assert cgroup_limit_bytes(root=root, proc=at) is None
    limit.write_text(f"{GIB}\n")
    assert cgroup_limit_bytes(root=root, proc=at) == GIB
