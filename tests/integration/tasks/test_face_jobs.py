"""Jobs of faces by a real engine: pictures, GIFs and videos, planned, done and joined."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec
import numpy as np
import pytest
from av.video.stream import VideoStream

from steadfast.errors import DamagedMedia, InvalidOption, NoFace, PinLost
from steadfast.models.store import ModelStore
from steadfast.runtime.stepping import run_step
from steadfast.settings import ModelSettings, Settings
from steadfast.task import OperatingPoint
from steadfast.task_steps import (
    JobPlan,
    JoinDone,
    JoinOrder,
    Operation,
    SegmentDone,
    SegmentOrder,
    StepRequest,
    StepResult,
    encoded,
)
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.face_messages import face_spec
from steadfast.tasks.face_task import FaceTask


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> FaceTask:
    values: dict[str, Any] = {
        "faces": {"engine": "embedded"},
        "models": {"dir": tmp_path_factory.mktemp("models"), "auto_pull": "never"},
    }
    made = FaceTask(face_spec(Settings(**values)).config)
    made.load(OperatingPoint())
    return made


class Bench:
    """One job, step by step."""

    def __init__(self, task: FaceTask, folder: Path, inputs: Sequence[Path], **options: Any) -> None:
        self._task = task
        self._folder = folder
        self._inputs = tuple(map(str, inputs))
        self._options = FaceJobOptions(**options)
        self._steps = 0

    def step(
        self, operation: Operation, order: msgspec.Struct | None = None, parts: Sequence[Path] = ()
    ) -> StepResult:
        self._steps += 1
        folder = self._folder / f"step-{self._steps}"
        folder.mkdir(parents=True)
        request = StepRequest(
            options=encoded(self._options),
            order=encoded(order),
            inputs=self._inputs,
            parts=tuple(map(str, parts)),
        )
        return run_step(self._task, operation, request, folder, lambda done, total=None: None)

    def plan(self) -> JobPlan:
        plan = self.step(Operation.PLAN).fields
        assert isinstance(plan, JobPlan)
        return plan

    def segment(self, plan: JobPlan, index: int, **more: Any) -> StepResult:
        order = SegmentOrder(segment=plan.segments[index], **{"pin": plan.pin, **more})
        return self.step(Operation.SEGMENT, order)

    def carry_out(self, **more: Any) -> tuple[JobPlan, StepResult]:
        plan = self.plan()
        done = [self.segment(plan, index, **more) for index in range(len(plan.segments))]
        notes = tuple(note_of(result) for result in done)
        order = JoinOrder(pin=more.get("pin", plan.pin), notes=notes, brief=plan.brief)
        return plan, self.step(Operation.JOIN, order, [r.file for r in done if r.file is not None])


def note_of(result: StepResult) -> bytes:
    assert isinstance(result.fields, SegmentDone)
    return result.fields.note


def moving(portrait: Path, output: Path, frames: int, side: int = 160) -> Path:
    picture = cv2.resize(np.asarray(cv2.imread(str(portrait)))[:260, 90:350], (side, side))
    codec = "gif" if output.suffix == ".gif" else "libx264"
    with av.open(output, "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = side
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for number in range(frames):
            pixels = np.asarray(np.roll(picture, number, axis=1), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return output


def test_a_picture_is_one_segment_and_says_whom_it_shows(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    plan, joined = Bench(task, tmp_path, [hopper_path, collins_path]).carry_out()
    assert len(plan.segments) == 1
    assert (plan.suffix, plan.content_type) == (".jpeg", "image/jpeg") or plan.suffix == ".png"
    assert joined.file is not None
    assert np.asarray(cv2.imread(str(joined.file))).shape == np.asarray(cv2.imread(str(collins_path))).shape
    assert isinstance(joined.fields, JoinDone)
    assert joined.fields.report["faces_swapped"] == 1


def test_a_gif_is_one_segment(task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path) -> None:
    target = moving(collins_path, tmp_path / "a.gif", 4, side=400)
    plan, joined = Bench(task, tmp_path, [hopper_path, target]).carry_out()
    assert (len(plan.segments), plan.content_type) == (1, "image/gif")
    assert joined.file is not None
    with av.open(joined.file) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4


def test_a_video_is_cut_and_costs_are_told(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 24)
    bench = Bench(task, tmp_path, [hopper_path, target], segment_s=1.0)
    plan = bench.plan()
    assert plan.units == 24
    assert len(plan.segments) > 1
    done = bench.segment(plan, 0)
    assert done.cost["frames"] == plan.segments[0].units
    assert done.cost["pixels"] == 160 * 160 * plan.segments[0].units
    assert done.cost["cpu_s"] > 0
    again = bench.segment(plan, 0)
    assert done.file is not None
    assert again.file is not None
    assert again.file.read_bytes() == done.file.read_bytes()
    assert plan.pin["engine"] == "embedded"
    assert any(name.startswith("model ") for name in plan.pin)


def test_videos_of_one_batch_may_differ_in_size_and_container(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    small, large = (
        moving(collins_path, tmp_path / "a.mp4", 12),
        moving(collins_path, tmp_path / "b.mkv", 12, 320),
    )
    first = Bench(task, tmp_path / "first", [hopper_path, small], segment_s=1.0, threads=1).plan()
    bench = Bench(task, tmp_path / "second", [hopper_path, large], segment_s=1.0)
    plan, joined = bench.carry_out(pin=first.pin)  # a job keeps the pin of its first plan
    assert bench.segment(plan, 0, pin=first.pin).cost["pixels"] == 320 * 320 * plan.segments[0].units
    assert joined.file is not None
    with av.open(joined.file) as container:
        assert container.streams.video[0].width == 320


def test_frames_that_are_kept_show_the_original(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 12)
    bench = Bench(task, tmp_path, [hopper_path, target])
    done = bench.segment(bench.plan(), 0, untouched=True)
    assert isinstance(done.fields, SegmentDone)
    assert done.fields.report["faces_swapped"] == 0
    assert done.fields.units == 12


def test_a_worker_with_another_model_does_nothing(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    bench = Bench(task, tmp_path, [hopper_path, collins_path])
    plan = bench.plan()
    for pin in ({**plan.pin, "engine": "neural"}, {**plan.pin, "model inswapper": "00"}):
        with pytest.raises(PinLost):
            bench.segment(plan, 0, pin=pin)


def test_numbered_people_are_not_counted_anew_in_each_segment(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 24)
    bench = Bench(task, tmp_path, [hopper_path, target], segment_s=1.0, faces="0")
    plan, joined = bench.carry_out()
    assert len(plan.segments) == 1
    assert joined.file is not None


def test_a_video_may_be_asked_for_in_another_container(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 12)
    plan, joined = Bench(task, tmp_path, [hopper_path, target], format="mkv").carry_out()
    assert (plan.suffix, plan.content_type) == (".mkv", "video/x-matroska")
    assert joined.file is not None
    with pytest.raises(InvalidOption, match="cannot be written"):
        Bench(task, tmp_path / "other", [hopper_path, target], format="png").plan()


def test_what_is_missing_is_named(task: FaceTask, tmp_path: Path, collins_path: Path) -> None:
    with pytest.raises(InvalidOption, match="no source photo"):
        Bench(task, tmp_path, [collins_path]).plan()
    black = tmp_path / "black.png"
    cv2.imwrite(str(black), np.zeros((200, 200, 3), dtype=np.uint8))
    bench = Bench(task, tmp_path / "no-face", [collins_path, black])
    with pytest.raises(NoFace, match="the target"):
        bench.segment(bench.plan(), 0)
    bench = Bench(task, tmp_path / "no-source", [black, collins_path])
    with pytest.raises(NoFace, match="source photo number 1"):
        bench.segment(bench.plan(), 0)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(collins_path.read_bytes()[:0] + b"\0\0\0\x18ftypisom" + bytes(200))
    with pytest.raises(DamagedMedia) as caught:
        Bench(task, tmp_path / "noise", [collins_path, noise]).plan()
    assert str(tmp_path) not in caught.value.detail


def test_an_engine_is_pinned_with_the_sums_of_its_models(task: FaceTask, tmp_path: Path) -> None:
    catalogue = ModelStore(ModelSettings(dir=tmp_path)).catalogue
    pin = dict(task._job_work().pin)
    sums = {name: value for name, value in pin.items() if name.startswith("model ")}
    assert sums["model dlib_68_points"] == catalogue["dlib_68_points"].files[0].sha256
