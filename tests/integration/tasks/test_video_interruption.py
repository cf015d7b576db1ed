"""A real process that is interrupted, or whose disk is full, leaves no output and nothing aside."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.video_files import make_video

_PROGRAM = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path

    from steadfast.errors import SteadfastError
    from steadfast.media.encoders import VideoOptions
    from steadfast.tasks.frame_processing import FrameOutcome
    from steadfast.tasks.video_pipeline import VideoRequest, process_video

    class Untouched:
        def analyse(self, canvas, time_s):
            print("frame", flush=True)

        def swap(self, canvas, analysis):
            return FrameOutcome(faces_found=0, faces_swapped=0)

    limit_bytes = int(sys.argv[3])
    if limit_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    request = VideoRequest(
        target=Path(sys.argv[1]), output=Path(sys.argv[2]), video=VideoOptions(quality=1, preset="ultrafast")
    )
    try:
        process_video(request, Untouched())
    except SteadfastError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    """
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return make_video(folder / "a.mkv", size=(320, 240), frames=400, options={"preset": "ultrafast"})


def start(source: Path, output: Path, *, limit_bytes: int = 0) -> subprocess.Popen[str]:
    output.parent.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(source), str(output), str(limit_bytes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_in_the_middle_leaves_neither_output_nor_anything_aside(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "swapped.mp4"
    process = start(source, output)
    assert process.stdout is not None
    for _ in range(5):
        assert process.stdout.readline() == "frame\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in said
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_disk_that_fills_up_is_one_clear_error_and_leaves_nothing(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / "out" / f"swapped{suffix}"
    process = start(source, output, limit_bytes=200_000)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith("DiskFull: No space left")
    assert list(output.parent.iterdir()) == []
