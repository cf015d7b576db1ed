"""Files on their way in: nothing is left of what was broken off, nothing is lost of what was whole."""

import errno
import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from steadfast.blobs.staging import PART, StagedWriter, sweep
from steadfast.errors import BlobStoreUnreachable, DiskFull


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def test_nothing_is_made_before_the_first_piece(tmp_path: Path) -> None:
    writer = StagedWriter(tmp_path)
    assert names(tmp_path) == []
    writer.close()
    assert names(tmp_path) == []


def test_what_came_in_pieces_is_whole_and_its_sum_is_known_without_reading_it_again(tmp_path: Path) -> None:
    writer = StagedWriter(tmp_path / "made when needed")
    writer.write([b"one ", memoryview(b"two ")])
    writer.write([b"three"])
    staged = writer.staged()
    assert staged.file.read_bytes() == b"one two three"
    assert (staged.size_bytes, staged.sha256) == (13, hashlib.sha256(b"one two three").hexdigest())
    assert staged.file.stat().st_mode & 0o777 == 0o600
    writer.close()
    writer.close()
    assert names(tmp_path / "made when needed") == []


def test_who_took_the_file_keeps_it(tmp_path: Path) -> None:
    writer = StagedWriter(tmp_path)
    writer.write([b"content"])
    writer.staged().file.rename(tmp_path / "kept")
    writer.close()
    assert names(tmp_path) == ["kept"]


def test_a_sweep_leaves_what_somebody_writes_and_removes_what_a_death_has_left(tmp_path: Path) -> None:
    writer = StagedWriter(tmp_path)
    writer.write([b"on its way"])
    left = tmp_path / f"left{PART}"
    left.write_bytes(b"half")
    assert sweep(tmp_path) == 1
    assert names(tmp_path) == [writer.staged().file.name]
    writer.close()


def test_a_disk_without_room_and_a_folder_that_is_none_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = StagedWriter(tmp_path)
    writer.write([b"a"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DiskFull):
            writer.write([b"b"])
    writer.close()
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(BlobStoreUnreachable):
        StagedWriter(tmp_path / "file").write([b"a"])


def test_the_lock_ends_with_the_writer(tmp_path: Path) -> None:
    writer = StagedWriter(tmp_path)
    writer.write([b"a"])
    other = os.open(writer.staged().file, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    writer.close()
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
