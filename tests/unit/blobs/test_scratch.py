"""Leftovers of killed processes go; what somebody may still use, or what is no leftover, stays."""

import os
from pathlib import Path

from steadfast.blobs.scratch import LONGEST_USE_S, clean_scratch


def made(file: Path, *, at_s: float) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x")
    os.utime(file, (at_s, at_s))
    return file


def test_leftovers_go_by_name_and_age_wherever_they_lie(tmp_path: Path) -> None:
    now_s = 10 * LONGEST_USE_S
    old = [
        made(tmp_path / "workers" / "deep" / ".steadfast-0a1b.part.mp4", at_s=0),
        made(tmp_path / "bodies" / "lent-1", at_s=0),
        made(tmp_path / "bodies" / "body-2", at_s=0),
        made(tmp_path / "workers" / "tmpabc", at_s=0),
    ]
    stays = [
        made(tmp_path / "workers" / ".steadfast-ffff.part.mp4", at_s=now_s - 60),
        made(tmp_path / "workers" / ".nv" / "ComputeCache" / "index", at_s=0),
    ]
    assert clean_scratch([tmp_path], wall_clock=lambda: now_s) == len(old)
    assert not any(file.exists() for file in old)
    assert all(file.exists() for file in stays)


def test_at_the_start_every_leftover_is_of_somebody_dead(tmp_path: Path) -> None:
    left = made(tmp_path / ".steadfast-1.part", at_s=100.0)
    assert clean_scratch([tmp_path], older_than_s=0.0, wall_clock=lambda: 101.0) == 1
    assert not left.exists()


def test_a_link_that_a_worker_made_leads_nowhere(tmp_path: Path) -> None:
    outside = made(tmp_path / "outside" / "tmp-important", at_s=0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "tmp-folder").symlink_to(outside.parent)
    (scratch / "tmp-file").symlink_to(outside)
    clean_scratch([scratch], older_than_s=0.0)
    assert outside.exists()
    assert not (scratch / "tmp-file").is_symlink()
