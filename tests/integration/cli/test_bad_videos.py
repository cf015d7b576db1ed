"""A video that cannot be used gives a sentence, a remedy and its exit status, and nothing is written."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from tests.integration.cli.failures import Failure
from tests.small_disks import mounted_tmpfs
from tests.video_files import add_beep, make_video

from steadfast.errors import ExitCode
from steadfast.media.pictures import read_picture
from steadfast.tasks.showcase import render_clip

pytestmark = pytest.mark.usefixtures("loaded")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not a video at all\n")


def cut(path: Path) -> None:
    whole = make_video(path, frames=40).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def frameless(path: Path) -> None:
    make_video(path, pts=())


def sound_only(path: Path) -> None:
    with av.open(path, "w") as container:
        add_beep(container, "aac", seconds=1.0)


BAD: dict[str, tuple[Callable[[Path], None], set[str], str]] = {
    "empty.mp4": (empty, {"empty_input"}, "is empty"),
    "text.mp4": (text, {"unsupported_media"}, "is a text file"),
    "cut.mp4": (cut, {"damaged_media"}, "cut off or corrupt"),
    "cut.mkv": (cut, {"damaged_media"}, "breaks off"),
    "frameless.mp4": (frameless, {"empty_input", "unsupported_media"}, "no "),
    "frameless.mkv": (frameless, {"empty_input", "damaged_media"}, ""),
    "sound_only.mp4": (sound_only, {"unsupported_media"}, "no video"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_video_is_refused_with_its_own_error(
    tmp_path: Path, hopper_path: Path, failure: Failure, name: str
) -> None:
    make, codes, sentence = BAD[name]
    make(tmp_path / name)
    error = failure(
        ["swap", "-s", str(hopper_path), "-t", str(tmp_path / name), "-o", str(tmp_path / "out.mp4")]
    )
    assert error["code"] in codes
    assert error["exit_code"] == ExitCode.BAD_INPUT
    assert sentence in error["detail"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, collins_path: Path) -> Path:
    """A short video of a face, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    render_clip(read_picture(collins_path).pixels, path, seconds=1.0)
    return path


@pytest.mark.parametrize(
    ("output", "more", "code", "exit_code"),
    [
        ("out.mp4", ["--codec", "nonsense"], "unknown_codec", ExitCode.USAGE),
        ("out.webm", ["--codec", "h264"], "invalid_option", ExitCode.USAGE),
        ("out.mp4", ["--preset", "warp"], "invalid_option", ExitCode.USAGE),
        ("out.png", [], "invalid_option", ExitCode.USAGE),
        ("missing/out.mp4", [], "output_unwritable", ExitCode.CANNOT_CREATE),
    ],
)
def test_an_output_that_cannot_be_made_is_refused_before_any_work(
    tmp_path: Path,
    hopper_path: Path,
    clip: Path,
    failure: Failure,
    output: str,
    more: list[str],
    code: str,
    exit_code: ExitCode,
) -> None:
    error = failure(["swap", "-s", str(hopper_path), "-t", str(clip), "-o", str(tmp_path / output), *more])
    assert (error["code"], error["exit_code"]) == (code, exit_code)
    assert list(tmp_path.iterdir()) == []


def test_sound_that_is_corrupt_is_said_where_it_cannot_be_copied(
    tmp_path: Path, hopper_path: Path, clip: Path, failure: Failure
) -> None:
    bad = tmp_path / "bad.mp4"
    data = bytearray(clip.read_bytes())
    with av.open(clip) as container:
        places = [(p.pos, p.size) for p in container.demux(audio=0) if p.size and p.pos is not None]
    for place, size in places:
        data[place : place + size] = b"\xff" * size
    bad.write_bytes(data)
    error = failure(
        [
            "swap",
            "-s",
            str(hopper_path),
            "-t",
            str(bad),
            "-o",
            str(tmp_path / "out.webm"),
            "--preset",
            "ultrafast",
        ]
    )
    assert (error["code"], error["exit_code"]) == ("damaged_media", ExitCode.BAD_INPUT)
    assert "--no-sound" in error["remedy"]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.mp4"]


def test_a_disk_that_fills_while_a_video_is_written_is_said_and_nothing_stays(
    tmp_path: Path, hopper_path: Path, clip: Path, failure: Failure
) -> None:
    with mounted_tmpfs(tmp_path / "disk", "size=32k") as disk:
        error = failure(["swap", "-s", str(hopper_path), "-t", str(clip), "-o", str(disk / "out.mp4")])
        assert (error["code"], error["exit_code"]) == ("disk_full", ExitCode.DISK_FULL)
        assert list(disk.iterdir()) == []
