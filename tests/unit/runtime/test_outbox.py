"""What a worker hands over is an ordinary file of its own, or nothing."""

import os
from pathlib import Path

import pytest

from steadfast.runtime.options import WorkerOptions
from steadfast.runtime.outbox import make_outbox, remove_outbox, take_out


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    made = make_outbox(WorkerOptions(outboxes=tmp_path))
    assert made is not None
    return made


def test_a_file_is_moved_and_nobody_else_may_read_it(outbox: Path, tmp_path: Path) -> None:
    (outbox / "7").write_bytes(b"frames")
    take_out(outbox, "7", tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"frames"
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o600
    assert not list(outbox.iterdir())


@pytest.mark.parametrize("name", ["", ".", "..", "../secret", "/etc/passwd", "a/b", "missing", "x\0y"])
def test_a_name_that_leads_elsewhere_is_refused(outbox: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"of somebody else")
    with pytest.raises(ValueError, match="outbox"):
        take_out(outbox, name, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_links_and_folders_are_refused(outbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"of somebody else")
    (outbox / "soft").symlink_to(tmp_path / "secret")
    os.link(tmp_path / "secret", outbox / "hard")
    (outbox / "folder").mkdir()
    os.mkfifo(outbox / "pipe")
    for name in ("soft", "hard", "folder", "pipe"):
        with pytest.raises(ValueError, match="ordinary"):
            take_out(outbox, name, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_nothing_is_left_when_the_worker_is_gone(outbox: Path) -> None:
    (outbox / "step-1").mkdir()
    (outbox / "step-1" / "half").write_bytes(b"x")
    remove_outbox(outbox)
    assert not outbox.exists()
    assert make_outbox(WorkerOptions()) is None
