"""Sampled steps of jobs say how good they are, and make the same bytes as those that nobody looks at."""

from pathlib import Path

import pytest
from tests.integration.tasks.test_face_jobs import Bench, moving, task

from steadfast.task_steps import SegmentDone, StepResult
from steadfast.tasks.face_task import FaceTask

__all__ = ["task"]
FACES = {"identity", "mask_overlap"}
OUTSIDE = {"psnr_outside", "ssim_outside"}


def readings_of(result: StepResult) -> dict[str, float]:
    assert isinstance(result.fields, SegmentDone)
    return result.fields.readings


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_a_segment_is_measured_as_it_was_delivered_whatever_the_codec(
    codec: str, task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 14)
    bench = Bench(task, tmp_path, [hopper_path, target], codec=codec, format="mkv")
    plan = bench.plan()
    sampled, plain = bench.segment(plan, 0, sample=True), bench.segment(plan, 0)
    measured = readings_of(sampled)
    assert set(measured) == FACES | OUTSIDE | {"flicker"}
    assert 28 < measured["psnr_outside"] < 60  # what an encoder leaves: neither untouched nor another picture
    assert 0.7 < measured["ssim_outside"] < 1
    assert 0.5 < measured["flicker"] < 2
    assert 0.5 < measured["mask_overlap"] <= 1
    assert 0 < measured["identity"] <= 1
    assert readings_of(plain) == {}
    assert sampled.file is not None
    assert plain.file is not None
    assert sampled.file.read_bytes() == plain.file.read_bytes()


def test_a_later_segment_is_measured_beyond_its_lead_in(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 30)
    bench = Bench(task, tmp_path, [hopper_path, target], segment_s=1.0)
    plan = bench.plan()
    last = readings_of(bench.segment(plan, len(plan.segments) - 1, sample=True))
    assert set(last) == FACES | OUTSIDE | {"flicker"}


def test_a_gif_and_a_picture_are_measured_too(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    gif = moving(collins_path, tmp_path / "a.gif", 4, side=400)
    bench = Bench(task, tmp_path / "gif", [hopper_path, gif])
    assert set(readings_of(bench.segment(bench.plan(), 0, sample=True))) >= FACES | OUTSIDE
    bench = Bench(task, tmp_path / "picture", [hopper_path, collins_path])
    assert set(readings_of(bench.segment(bench.plan(), 0, sample=True))) == FACES | OUTSIDE


def test_what_keeps_its_original_is_not_measured(
    task: FaceTask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    target = moving(collins_path, tmp_path / "a.mp4", 12)
    bench = Bench(task, tmp_path, [hopper_path, target])
    assert readings_of(bench.segment(bench.plan(), 0, sample=True, untouched=True)) == {}
