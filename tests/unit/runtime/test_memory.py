"""Memory is read from the kernel, and shares leave room below the limit."""

import os
from pathlib import Path

from steadfast.runtime.memory import cgroup_limit_bytes, resident_bytes, share_of_limit

GIB = 1 << 30


def test_memory_that_is_touched_is_seen_and_a_process_that_is_gone_has_none() -> None:
    before = resident_bytes(os.getpid())
    block = bytearray(os.urandom(1 << 20) * 64)
    assert resident_bytes(os.getpid()) - before > 48 << 20
    del block
    assert resident_bytes(2**22 + 1) == 0


def test_all_shares_together_stay_below_the_limit() -> None:
    soft, hard = share_of_limit(8 * GIB, processes=3, server_bytes=1 * GIB)
    assert soft < hard
    assert 3 * hard + GIB < 8 * GIB
    assert share_of_limit(0, processes=1, server_bytes=GIB) == (0, 0)


def test_the_limit_is_read_in_both_versions(tmp_path: Path) -> None:
    assert cgroup_limit_bytes(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    assert cgroup_limit_bytes(tmp_path) is None
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert cgroup_limit_bytes(tmp_path) == GIB
    (tmp_path / "memory.max").unlink()
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert cgroup_limit_bytes(tmp_path) is None
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("536870912\n")
    assert cgroup_limit_bytes(tmp_path) == GIB // 2
