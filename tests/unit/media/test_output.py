"""Outputs appear whole under their final name, or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest
from tests.small_disks import mounted_tmpfs

from steadfast.errors import DiskFull, EncodingFailed, OutputUnwritable
from steadfast.media.output import check_output, write_bytes_aside, writing_aside


def names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_output_appears_only_after_the_block_succeeds(tmp_path: Path) -> None:
    final = tmp_path / "out.png"
    with writing_aside(final) as aside:
        aside.write_bytes(b"whole")
        assert not final.exists()
        assert aside.parent == final.parent
        assert aside.suffix == ".png"
    assert final.read_bytes() == b"whole"
    assert names_in(tmp_path) == ["out.png"]


@pytest.mark.parametrize("failure", [RuntimeError("bug"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failure_of_any_kind_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: BaseException
) -> None:
    final = tmp_path / "out.png"
    final.write_bytes(b"old")

    def fail_half_way() -> None:
        with writing_aside(final) as aside:
            aside.write_bytes(b"half")
            raise failure

    with pytest.raises(type(failure)) as caught:
        fail_half_way()
    assert caught.value is failure
    assert final.read_bytes() == b"old"
    assert names_in(tmp_path) == ["out.png"]


def test_an_existing_file_is_replaced_in_one_step_and_keeps_its_permissions(tmp_path: Path) -> None:
    final = tmp_path / "out.png"
    final.write_bytes(b"old")
    final.chmod(0o640)
    write_bytes_aside(final, b"new")
    assert final.read_bytes() == b"new"
    assert stat.S_IMODE(final.stat().st_mode) == 0o640


def test_permissions_of_a_new_file_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes_aside(tmp_path / "out.png", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.png"
    real.write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to(real)
    write_bytes_aside(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_name_as_long_as_the_file_system_allows_can_be_written(tmp_path: Path) -> None:
    final = tmp_path / ("n" * 251 + ".png")
    write_bytes_aside(final, b"new")
    assert final.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/out.png", "does not exist"),
        ("file.txt/out.png", "does not exist"),
        ("folder", "is a folder"),
        ("pipe", "not an ordinary file"),
        ("loop", "cannot be a file name"),
        ("n" * 300 + ".png", "cannot be a file name"),
        ("nul\0.png", "cannot be a file name"),
    ],
)
def test_a_name_that_cannot_be_an_output_is_refused_before_any_work(
    tmp_path: Path, name: str, sentence: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = names_in(tmp_path)
    for attempt in (check_output, lambda path: write_bytes_aside(path, b"new")):
        with pytest.raises(OutputUnwritable, match=sentence) as caught:
            attempt(tmp_path / name)
        assert caught.value.exit_code == 73
        assert caught.value.remedy
    assert names_in(tmp_path) == before


def test_a_folder_on_a_read_only_file_system_is_refused(tmp_path: Path) -> None:
    with mounted_tmpfs(tmp_path / "read-only", "ro") as folder:
        with pytest.raises(OutputUnwritable, match="may not be written"):
            check_output(folder / "out.png")
        with (
            pytest.raises(OutputUnwritable, match="Read-only file system"),
            writing_aside(folder / "out.png"),
        ):
            pytest.fail("the block must not run")


def test_a_folder_that_forbids_writing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, flags: int, mode: int = 0o777) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)  # root may write anywhere, so the refusal is played
    with pytest.raises(OutputUnwritable, match="Permission denied"), writing_aside(tmp_path / "out.png"):
        pytest.fail("the block must not run")


def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path: Path) -> None:
    with mounted_tmpfs(tmp_path / "tiny", "size=64k") as folder:
        final = folder / "out.png"
        final.write_bytes(b"old")
        with pytest.raises(DiskFull, match="No space left") as caught:
            write_bytes_aside(final, bytes(1 << 20))
        assert caught.value.exit_code == 74
        assert final.read_bytes() == b"old"
        assert names_in(folder) == ["out.png"]


def test_an_encoder_that_hides_the_full_disk_behind_its_own_error_is_seen_through(tmp_path: Path) -> None:
    def encode() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise EncodingFailed("The encoder broke off.") from error

    with pytest.raises(DiskFull), writing_aside(tmp_path / "out.mp4"):
        encode()
    assert names_in(tmp_path) == []


def test_errors_that_are_not_the_outputs_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing_aside(tmp_path / "out.png"):
        (tmp_path / "some-input.png").read_bytes()
