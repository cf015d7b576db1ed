"""A video done in segments has the frames, times and sound of one pass, and is the same bytes every time."""

import gc
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, cycle, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.video_files import make_video

from steadfast.errors import (
    DamagedMedia,
    InvalidModelOutput,
    NoFace,
    PinLost,
    RequestCancelled,
    TooManyBadFrames,
)
from steadfast.media.canvas import Canvas
from steadfast.media.encoders import VideoOptions
from steadfast.media.frame_index import LEAD_IN_FRAMES
from steadfast.media.output import writing_aside
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.video_pipeline import VideoRequest, process_video
from steadfast.tasks.video_report import Progress
from steadfast.tasks.video_segments import (
    SegmentedVideo,
    SegmentNote,
    VideoPlan,
    check_pin,
    join_video,
    plan_video,
    write_segment,
)

SIZE = (160, 128)
UNEVEN = list(islice(accumulate(cycle([1, 1, 3, 2, 1]), initial=0), 120))


@dataclass
class Faces:
    """Pretends to find a face in every frame, and says which frames it saw."""

    found: int = 1
    fails_at: frozenset[int] = frozenset()
    seen_s: list[float] = field(default_factory=list)

    def analyse(self, canvas: Canvas, time_s: float) -> float:
        self.seen_s.append(time_s)
        return time_s

    def swap(self, canvas: Canvas, analysis: float) -> FrameOutcome:
        if round(analysis * 25) in self.fails_at:
            raise ZeroDivisionError("a bug")
        return FrameOutcome(faces_found=self.found, faces_swapped=self.found)


@dataclass(frozen=True)
class Done:
    """A job that was carried out."""

    plan: VideoPlan
    parts: list[Path]
    notes: list[SegmentNote]
    output: Path


def video_of(target: Path, **changes: Any) -> SegmentedVideo:
    given: dict[str, Any] = {"suffix": target.suffix if target.suffix != ".avi" else ".mp4"}
    options = VideoOptions(threads=2, preset="veryfast")
    return SegmentedVideo(target=target, video=options, clock=time.monotonic, **(given | changes))


def planned(video: SegmentedVideo, segment_s: float = 1.0) -> VideoPlan:
    return plan_video(video, segment_s=segment_s, on_packet=lambda: None)


def segment(
    video: SegmentedVideo,
    plan: VideoPlan,
    index: int,
    output: Path,
    faces: Any = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> SegmentNote:
    return write_segment(
        video,
        plan.spans[index],
        output,
        faces or Faces(),
        encoding=plan.encoding,
        frames_of_video=plan.frames,
        on_progress=on_progress,
    )


def join(video: SegmentedVideo, plan: VideoPlan, parts: Sequence[Path], notes: Sequence[SegmentNote]) -> Path:
    output = video.target.with_name(f"joined{video.suffix}")
    with writing_aside(output) as aside:
        join_video(
            video,
            parts,
            notes,
            aside,
            keep_sound=True,
            metadata={"comment": "made by a program"},
            encoding=plan.encoding,
            on_progress=lambda _: None,
        )
    return output


def carry_out(video: SegmentedVideo, faces: Callable[[], Any] = Faces) -> Done:
    plan = planned(video)
    parts = [video.target.with_name(f"part-{index}") for index in range(len(plan.spans))]
    notes = [segment(video, plan, index, part, faces()) for index, part in enumerate(parts)]
    return Done(plan, parts, notes, join(video, plan, parts, notes))


def one_pass(video: SegmentedVideo) -> Path:
    output = video.target.with_name(f"one{video.suffix}")
    process_video(
        VideoRequest(
            target=video.target, output=output, video=video.video, metadata={"comment": "made by a program"}
        ),
        Faces(),
    )
    return output


def times_of(path: Path) -> list[int]:
    with av.open(path) as container:
        return sorted(p.pts for p in container.demux(video=0) if p.pts is not None)


def beside(path: Path) -> list[tuple[Any, ...]]:
    """Everything of the other streams."""
    with av.open(path) as container:
        return sorted(
            (p.stream.type, p.stream.index, p.pts, p.dts, p.duration, p.time_base, bytes(p))
            for p in container.demux()
            if p.stream.type != "video" and p.size
        )


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(path) as container:
        return [np.asarray(f.to_ndarray(format="gray"), dtype=np.uint8) for f in container.decode(video=0)]


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 with sound": ("a.mp4", {"sound": ("aac",), "options": {"g": "30"}}),
    "one key frame only": ("a.mkv", {"sound": ("aac",), "options": {"g": "999"}}),
    "variable rate": ("a.mp4", {"pts": UNEVEN, "sound": ("aac",), "options": {"g": "30"}}),
    "turned": ("a.mov", {"rotation_deg": 90.0, "sound": ("aac",)}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9", "sound": ("libopus",), "frames": 60,
                       "options": {"deadline": "realtime", "cpu-used": "8", "g": "20"}}),
    "hevc": ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=error:keyint=20"}}),
    "avi": ("a.avi", {"codec": "mpeg4", "muxer": "avi", "sound": ("pcm_s16le",)}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_joined_segments_have_the_frames_times_and_sound_of_one_pass(tmp_path: Path, case: str) -> None:
    name, recipe = CASES[case]
    video = video_of(make_video(tmp_path / name, **{"size": SIZE, "frames": 100, **recipe}))
    done = carry_out(video)
    whole = one_pass(video)
    assert len(done.parts) > 1
    assert times_of(done.output) == times_of(whole)
    assert beside(done.output) == beside(whole)
    joined, expected = pictures(done.output), pictures(whole)
    assert len(joined) == len(expected) == done.plan.frames
    assert all(picture.shape == other.shape for picture, other in zip(joined, expected, strict=True))
    far = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(joined, expected, strict=True)]
    assert max(far) < 4.0, "the same pictures, encoded apart"
    with av.open(done.output) as one, av.open(whole) as other:
        assert "made by a program" in one.metadata.values()
        assert one.streams.video[0].average_rate == other.streams.video[0].average_rate
        assert one.duration == other.duration


def test_a_segment_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=100, options={"g": "40"}))
    plan = planned(video)
    first = [tmp_path / f"first-{index}" for index in range(len(plan.spans))]
    for index, part in enumerate(first):
        segment(video, plan, index, part)
    for repeat in range(3):
        for index in reversed(range(len(plan.spans))):  # in another order, after other work
            again = tmp_path / f"again-{repeat}-{index}"
            segment(video, plan, index, again)
            assert again.read_bytes() == first[index].read_bytes()


def test_a_segment_is_led_into_by_a_few_frames_that_are_not_written(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=100))
    plan, faces = planned(video), Faces()
    note = segment(video, plan, 1, tmp_path / "part", faces)
    assert len(faces.seen_s) == plan.spans[1].frames + LEAD_IN_FRAMES
    assert note.account.frames == len(note.pts) == plan.spans[1].frames


def test_nothing_of_a_run_outlives_it_not_even_until_the_collector_comes(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=60))
    plan, faces = planned(video), Faces()
    held = weakref.ref(faces)  # by the run, as are the encoder and the frames it looks ahead
    gc.disable()
    try:
        segment(video, plan, 1, tmp_path / "part", faces)
        del faces
        assert held() is None
    finally:
        gc.enable()


def test_single_bad_frames_keep_their_original_and_are_counted_over_the_whole_video(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=100), max_bad_frames=0.02)
    done = carry_out(video, lambda: Faces(fails_at=frozenset({30, 31})))
    assert sum(note.account.failed for note in done.notes) == 2
    assert len(pictures(done.output)) == 100
    with pytest.raises(TooManyBadFrames):
        carry_out(video_of(video.target, max_bad_frames=0.01), lambda: Faces(fails_at=frozenset({10, 80})))


def test_a_worker_whose_model_answers_no_numbers_is_not_a_bad_video(tmp_path: Path) -> None:
    class Sick(Faces):
        def swap(self, canvas: Canvas, analysis: float) -> FrameOutcome:
            if round(analysis * 25) in self.fails_at:
                raise InvalidModelOutput("NaN")
            return super().swap(canvas, analysis)

    for allowed in (0.01, 1.0):  # too many for the video, and few enough to be kept in silence
        video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=100), max_bad_frames=allowed)
        plan = planned(video)
        with pytest.raises(InvalidModelOutput, match="frames: NaN"):
            segment(video, plan, 1, tmp_path / "part", Sick(fails_at=frozenset(range(100))))
        note = segment(video, plan, 1, tmp_path / "part", Sick(fails_at=frozenset({30})))
        assert note.account.failed == 1


def test_a_video_without_any_face_is_no_result(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=60))
    with pytest.raises(NoFace):
        carry_out(video, lambda: Faces(found=0))
    assert not (tmp_path / "joined.mp4").exists()


def test_what_raises_in_progress_ends_the_segment(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=60))
    plan = planned(video)

    def cancel(_: Progress) -> None:
        raise RequestCancelled("taken back")

    with pytest.raises(RequestCancelled):
        segment(video, plan, 0, tmp_path / "part", on_progress=cancel)


def test_segments_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=80))
    done = carry_out(video)
    with pytest.raises(DamagedMedia, match="other frames"):
        join(video, done.plan, done.parts[::-1], done.notes)
    with pytest.raises(DamagedMedia, match="missing"):
        join(video, done.plan, done.parts[:-1], done.notes)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = video_of(make_video(elsewhere / "b.mp4", size=(160, 112), frames=80))
    with pytest.raises(DamagedMedia, match="another way"):
        join(video, done.plan, [carry_out(other).parts[0], *done.parts[1:]], done.notes)


def test_a_machine_that_would_encode_otherwise_does_nothing(tmp_path: Path) -> None:
    video = video_of(make_video(tmp_path / "a.mp4", size=SIZE, frames=60))
    plan = planned(video)
    changed = video_of(video.target)
    changed = SegmentedVideo(
        target=video.target, suffix=".mp4", video=VideoOptions(threads=3, preset="slow"), clock=changed.clock
    )
    with pytest.raises(PinLost, match="encoder options"):
        segment(changed, plan, 0, tmp_path / "part")


def test_a_lost_pin_is_named() -> None:
    check_pin({"engine": "standard"}, {"engine": "standard", "new": "x"})
    with pytest.raises(PinLost, match="engine 'neural'; here it is 'standard'"):
        check_pin({"engine": "neural"}, {"engine": "standard"})


def test_a_file_that_breaks_off_is_found_out_when_it_is_planned(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mkv", size=SIZE, frames=200, options={"g": "20"})
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DamagedMedia, match="breaks off"):
        planned(video_of(cut))
