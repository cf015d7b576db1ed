"""A video goes from file to file through its stages: all of it in order, or nothing under its name."""

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.video_files import frame_times, make_video, packets, planes

from steadfast.errors import (
    DamagedMedia,
    EngineUnavailable,
    InvalidModelOutput,
    InvalidOption,
    NoFace,
    OutOfHostMemory,
    OutputUnwritable,
    SteadfastError,
    TooManyBadFrames,
    UnknownCodec,
)
from steadfast.events import Event, subscribe
from steadfast.media.canvas import Canvas, Region
from steadfast.media.encoders import VideoOptions
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.video_pipeline import FrameFailed, VideoRequest, process_video
from steadfast.tasks.video_report import Progress

FAST = VideoOptions(preset="ultrafast", threads=1)
LOSSLESS = VideoOptions(preset="ultrafast", quality=0, threads=1)
BOX = Region(left=16, top=8, right=48, bottom=40)


class Painter:
    """Paints a red box into frames; fails where it is told to."""

    def __init__(self, *, fails_at: dict[int, BaseException] | None = None, every: int = 1) -> None:
        self._fails_at = fails_at or {}
        self._every = every
        self.analysed: list[float] = []
        self.threads: set[str] = set()

    def analyse(self, canvas: Canvas, time_s: float) -> int:
        self.threads.add(threading.current_thread().name)
        self.analysed.append(time_s)
        return len(self.analysed) - 1

    def swap(self, canvas: Canvas, analysis: int) -> FrameOutcome:
        self.threads.add(threading.current_thread().name)
        if analysis in self._fails_at:
            raise self._fails_at[analysis]
        if analysis % self._every:
            return FrameOutcome(faces_found=0, faces_swapped=0)
        red = np.full((BOX.height, BOX.width, 3), (0, 0, 255), np.uint8)
        canvas.write(BOX, red, np.full((BOX.height, BOX.width), 255, np.uint8))
        return FrameOutcome(faces_found=1, faces_swapped=1)


def request(source: Path, output: Path, **changes: object) -> VideoRequest:
    return VideoRequest(target=source, output=output, **{"video": FAST, **changes})  # type: ignore[arg-type]


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_frame_passes_through_in_order_with_its_time(tmp_path: Path) -> None:
    source = make_video(
        tmp_path / "a.mkv", pts=[0, 40, 200, 240, 1000], time_base=Fraction(1, 1000), sound=("aac",)
    )
    painter = Painter()
    report = process_video(request(source, tmp_path / "out.mkv"), painter)
    assert painter.analysed == pytest.approx([0, 0.04, 0.2, 0.24, 1.0])
    assert frame_times(tmp_path / "out.mkv") == frame_times(source)
    assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")
    assert (report.frames, report.frames_swapped, report.bad_frames) == (5, 5, 0)
    assert files_of(tmp_path) == {"a.mkv", "out.mkv"}


def test_frames_nobody_touched_are_bit_identical_after_a_lossless_encoding(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", options={"qp": "0"}, frames=6)
    process_video(request(source, tmp_path / "out.mkv", video=LOSSLESS), Painter(every=2))
    before, after = planes(source), planes(tmp_path / "out.mkv")
    assert before[1::2] == after[1::2]
    assert all(old != new for old, new in zip(before[::2], after[::2], strict=True))


def test_outside_the_written_region_a_frame_is_bit_identical(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", options={"qp": "0"}, frames=3)
    process_video(request(source, tmp_path / "out.mkv", video=LOSSLESS), Painter())
    for old, new in zip(planes(source), planes(tmp_path / "out.mkv"), strict=True):
        before, after = (np.frombuffer(p[0], np.uint8).reshape(48, 64) for p in (old, new))
        outside = np.ones((48, 64), bool)
        outside[BOX.top : BOX.bottom, BOX.left : BOX.right] = False
        assert (before == after)[outside].all()
        assert (before != after)[~outside].any()


def test_the_same_video_gives_the_same_bytes(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", sound=("aac",))
    for name in ("one.mp4", "two.mp4"):
        process_video(request(source, tmp_path / name), Painter())
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_the_stages_run_in_threads_of_their_own_and_all_of_them_end(tmp_path: Path) -> None:
    painter = Painter()
    process_video(request(make_video(tmp_path / "a.mkv"), tmp_path / "out.mkv"), painter)
    assert len(painter.threads) == 2
    assert not painter.threads & {thread.name for thread in threading.enumerate()}


def test_a_frame_whose_swap_fails_keeps_its_original_and_is_counted_and_told(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", options={"qp": "0"}, frames=10)
    told: list[Event] = []
    stop = subscribe(told.append)
    fails: dict[int, BaseException] = {3: InvalidModelOutput("NaN"), 5: ZeroDivisionError("odd")}
    try:
        report = process_video(
            request(source, tmp_path / "out.mkv", video=LOSSLESS, max_bad_frames=0.2), Painter(fails_at=fails)
        )
    finally:
        stop()
    assert (report.frames, report.frames_swapped, report.frames_failed) == (10, 8, 2)
    before, after = planes(source), planes(tmp_path / "out.mkv")
    assert [n for n in range(10) if before[n] == after[n]] == [3, 5]
    assert [event.reason for event in told if isinstance(event, FrameFailed)] == [
        "InvalidModelOutput: NaN",
        "ZeroDivisionError: odd",
    ]


def test_a_frame_that_cannot_be_decoded_shows_the_one_before_as_it_was_written(tmp_path: Path) -> None:
    source = make_video(
        tmp_path / "a.mkv", frames=40, options={"bf": "0", "qp": "0", "x264-params": "keyint=10"}
    )
    data = bytearray(source.read_bytes())
    with av.open(source) as container:
        place = [p for p in container.demux(video=0) if p.size][25]
    assert place.pos is not None
    data[place.pos + 12 : place.pos + place.size] = bytes(place.size - 12)
    (tmp_path / "bad.mkv").write_bytes(data)
    report = process_video(
        request(tmp_path / "bad.mkv", tmp_path / "out.mkv", video=LOSSLESS, max_bad_frames=0.5), Painter()
    )
    assert report.frames == 40
    assert report.frames_repeated >= 1
    after = planes(tmp_path / "out.mkv")
    assert after[25] == after[24]
    assert frame_times(tmp_path / "out.mkv") == frame_times(source)


FATAL: list[tuple[BaseException, type[BaseException]]] = [
    (EngineUnavailable("gone"), EngineUnavailable),
    (MemoryError(), OutOfHostMemory),
    (InvalidOption("no"), InvalidOption),
    (KeyboardInterrupt(), KeyboardInterrupt),
]


@pytest.mark.parametrize(("failure", "expected"), FATAL)
def test_a_fatal_error_in_any_stage_ends_the_run_and_leaves_nothing(
    tmp_path: Path, failure: BaseException, expected: type[BaseException]
) -> None:
    source = make_video(tmp_path / "a.mkv", frames=60)
    before = set(threading.enumerate())
    with pytest.raises(expected):
        process_video(request(source, tmp_path / "out.mp4"), Painter(fails_at={20: failure}))
    assert files_of(tmp_path) == {"a.mkv"}
    assert set(threading.enumerate()) <= before


def test_too_many_failures_leave_nothing_and_what_stood_there_stays(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", frames=30)
    (tmp_path / "out.mp4").write_bytes(b"precious")
    with pytest.raises(TooManyBadFrames):
        process_video(request(source, tmp_path / "out.mp4"), Painter(fails_at={4: ValueError("odd")}))
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"
    assert files_of(tmp_path) == {"a.mkv", "out.mp4"}


def test_a_video_may_replace_itself(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=20)
    report = process_video(request(source, source), Painter())
    assert report.frames == 20
    assert len(frame_times(source)) == 20


def test_what_progress_raises_ends_the_run(tmp_path: Path) -> None:
    def cancel(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process_video(request(make_video(tmp_path / "a.mkv"), tmp_path / "out.mkv"), Painter(), cancel)
    assert files_of(tmp_path) == {"a.mkv"}


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", sound=("aac",))
    report = process_video(request(source, tmp_path / "out.mkv", keep_sound=False), Painter())
    assert report.sound == ()
    with pytest.raises(StopIteration):
        packets(tmp_path / "out.mkv", "audio")


def test_a_video_in_which_no_face_was_exchanged_can_be_an_error(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", frames=5)

    class Blind(Painter):
        def swap(self, canvas: Canvas, analysis: int) -> FrameOutcome:
            return FrameOutcome(faces_found=0, faces_swapped=0)

    with pytest.raises(NoFace):
        process_video(request(source, tmp_path / "out.mkv", needs_a_face=True), Blind())
    assert files_of(tmp_path) == {"a.mkv"}


def _cut(folder: Path) -> Path:
    whole = make_video(folder / "whole.mkv", frames=100, size=(160, 120)).read_bytes()
    (folder / "a.mkv").write_bytes(whole[: len(whole) // 2])
    (folder / "whole.mkv").unlink()
    return folder / "a.mkv"


def _plain(folder: Path) -> Path:
    return make_video(folder / "a.mkv")


@pytest.mark.parametrize(
    ("make", "output", "changes", "error"),
    [
        (_plain, "out.xyz", {}, InvalidOption),
        (_plain, "nowhere/out.mp4", {}, OutputUnwritable),
        (_plain, "out.mp4", {"video": VideoOptions(codec="nonsense")}, UnknownCodec),
        (_plain, "out.webm", {"video": VideoOptions(codec="h264")}, InvalidOption),
        (_cut, "out.mp4", {"max_bad_frames": 1.0}, DamagedMedia),
    ],
)
def test_bad_requests_are_refused_with_their_own_error_and_write_nothing(
    tmp_path: Path,
    make: Callable[[Path], Path],
    output: str,
    changes: dict[str, object],
    error: type[SteadfastError],
) -> None:
    source = make(tmp_path)
    with pytest.raises(error):
        process_video(request(source, tmp_path / output, **changes), Painter())
    assert files_of(tmp_path) == {"a.mkv"}
