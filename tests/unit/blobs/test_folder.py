"""A folder of files survives what happens to processes and disks."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.blob_stores import NAME, content_of, folder_store, put
from tests.small_disks import mounted_tmpfs

from steadfast.blobs.folder import FolderStore
from steadfast.blobs.staging import staged
from steadfast.errors import BlobStoreUnreachable, DiskFull

WRITES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from steadfast.blobs.staging import staged

def pieces():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

with staged(Path(sys.argv[1]), pieces()):
    pass
"""


def test_what_a_killed_process_has_left_is_swept_at_the_start(tmp_path: Path) -> None:
    store = folder_store(tmp_path)
    subprocess.run([sys.executable, "-c", WRITES_AND_DIES, str(store.staging)], check=False)
    (left,) = store.staging.iterdir()
    assert left.read_bytes() == b"half"
    folder_store(tmp_path)
    assert not list(store.staging.iterdir())


def test_the_sweep_spares_what_somebody_is_writing(tmp_path: Path) -> None:
    store = folder_store(tmp_path)
    with staged(store.staging, [b"x"]) as whole:
        folder_store(tmp_path)  # another server, or a command line beside it
        store.put(NAME, whole.file, whole.sha256)
    assert content_of(store, NAME) == b"x"


def test_a_full_disk_leaves_nothing_and_takes_files_again_when_there_is_room(tmp_path: Path) -> None:
    with mounted_tmpfs(tmp_path / "small", "size=256k") as disk:
        store = FolderStore(disk / "blobs")
        put(store, NAME, bytes(150_000))
        with pytest.raises(DiskFull):
            put(store, "alice/content/next-1", bytes(150_000))
        assert not list(store.staging.iterdir())
        assert [file.name for file in store.listed()] == [NAME]
        room = store.headroom()
        assert room.used_share > 0.5
        store.delete(NAME)
        put(store, "alice/content/next-1", bytes(150_000))


def test_a_folder_that_may_not_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BlobStoreUnreachable, match="cannot be used"):
        FolderStore(tmp_path / "file" / "blobs")


def test_nobody_else_may_read_a_file_unless_workers_are_of_another_group(tmp_path: Path) -> None:
    put(folder_store(tmp_path), NAME, b"x")
    path = tmp_path / "blobs" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) & 0o077 == 0
    shared = FolderStore(tmp_path / "shared", file_group=os.getgid())
    put(shared, NAME, b"x")
    assert stat.S_IMODE((tmp_path / "shared" / NAME).stat().st_mode) == 0o640


def test_what_was_stored_before_workers_had_a_user_of_their_own_is_lent_readable(tmp_path: Path) -> None:
    put(folder_store(tmp_path), NAME, b"x")
    FolderStore(tmp_path / "blobs", file_group=os.getgid()).fetch(NAME, tmp_path / "lent")
    assert stat.S_IMODE((tmp_path / "lent").stat().st_mode) == 0o640


def test_a_file_is_flushed_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, done = folder_store(tmp_path), []
    put(store, "alice/content/first-1", b"")  # its folders are there now
    flush, rename = os.fsync, Path.rename

    def noting_flush(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("flush folder" if is_folder else "flush file")
        flush(descriptor)

    def noting_rename(path: Path, target: Path) -> Path:
        done.append("name")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noting_flush)
    monkeypatch.setattr(Path, "rename", noting_rename)
    put(store, NAME, b"x")
    assert done == ["flush file", "name", "flush folder"]


def test_reading_outlives_deletion(tmp_path: Path) -> None:
    store = folder_store(tmp_path)
    put(store, NAME, bytes(3 << 20))
    pieces = store.read(NAME)
    size = len(next(pieces))
    store.delete(NAME)
    assert size + sum(map(len, pieces)) == 3 << 20


def test_empty_folders_go_with_their_last_file(tmp_path: Path) -> None:
    store = folder_store(tmp_path)
    put(store, "alice/segments/one-1", b"x")
    store.delete("alice/segments/one-1")
    assert not (tmp_path / "blobs" / "alice" / "segments").exists()
