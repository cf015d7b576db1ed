"""Many sentences about one picture as a durable job."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.entailment.fake_model import BrightnessModel

from steadfast.errors import InvalidOption, PinLost, UnsupportedMedia
from steadfast.media.limits import DEFAULT_LIMITS
from steadfast.task_steps import Job, JobPlan, JoinDone, JoinOrder, SegmentDone, SegmentOrder
from steadfast.tasks.entail_jobs import EntailJobOptions, EntailJobs
from steadfast.tasks.entail_questions import Sentence, packed_sentences
from steadfast.tasks.entail_sample import EntailmentSampler


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "bright.png"), np.full((9, 9, 3), 240, np.uint8))
    return tmp_path / "bright.png"


@pytest.fixture
def jobs() -> EntailJobs:
    return EntailJobs(model=BrightnessModel(), limits=DEFAULT_LIMITS)


def progress(done: int, total: int | None = None) -> None:
    """Nobody listens."""


def job(picture: Path, texts: tuple[str, ...], name: str = "step") -> Job[EntailJobOptions]:
    folder = picture.parent / name
    folder.mkdir()
    sentences = folder / "sentences.jsonl"
    sentences.write_bytes(packed_sentences([Sentence(text=text) for text in texts]))
    return Job(options=EntailJobOptions(), inputs=(sentences, picture), folder=folder)


def planned(jobs: EntailJobs, picture: Path, texts: tuple[str, ...]) -> JobPlan:
    plan = jobs.plan(job(picture, texts, "plan"), progress).fields
    assert isinstance(plan, JobPlan)
    return plan


def carried_out(jobs: EntailJobs, picture: Path, texts: tuple[str, ...], **order: Any) -> list[Path]:
    plan = planned(jobs, picture, texts)
    files = []
    for segment in plan.segments:
        given = job(picture, texts, f"segment-{segment.index}")
        result = jobs.run_segment(given, SegmentOrder(segment=segment, pin=plan.pin, **order), progress)
        assert isinstance(result.fields, SegmentDone)
        assert result.file is not None
        files.append(result.file)
    return files


def test_a_sampled_segment_says_how_good_its_answers_are(jobs: EntailJobs, picture: Path) -> None:
    texts = tuple(f"It is day {number}." for number in range(40))
    measuring = replace(jobs, sampler=EntailmentSampler(jobs.model))
    plan = planned(measuring, picture, texts)
    given = job(picture, texts, "sampled")
    for sample, expected in ((True, {"steadiness": 1.0}), (False, {})):
        order = SegmentOrder(segment=plan.segments[0], pin=plan.pin, sample=sample)
        done = measuring.run_segment(given, order, progress).fields
        assert isinstance(done, SegmentDone)
        assert (done.units, done.readings) == (40, expected)


def test_every_sentence_gets_its_line_in_order_whatever_the_segments(jobs: EntailJobs, picture: Path) -> None:
    texts = tuple(f"It is day {number}." for number in range(150))
    parts = carried_out(jobs, picture, texts)
    assert len(parts) == 3
    given = job(picture, texts, "join")
    done = jobs.join(given, JoinOrder(pin=jobs.pin, notes=(b"",) * 3), parts, progress)
    assert isinstance(done.fields, JoinDone)
    assert done.file is not None
    lines = [json.loads(line) for line in done.file.read_text().splitlines()]
    assert [line["text"] for line in lines] == list(texts)
    assert {line["answer"] for line in lines} == {"yes"}
    assert (done.fields.units, done.fields.report["failed"]) == (150, 0)


def test_the_same_order_makes_the_same_bytes(jobs: EntailJobs, picture: Path) -> None:
    texts = ("It is day.", "It is <b>day</b>.")
    (first,) = carried_out(jobs, picture, texts)
    content = first.read_bytes()
    plan = jobs.plan(job(picture, texts, "plan again"), progress)
    assert isinstance(plan.fields, JobPlan)
    again = jobs.run_segment(
        job(picture, texts, "again"), SegmentOrder(segment=plan.fields.segments[0], pin=jobs.pin), progress
    )
    assert again.file is not None
    assert again.file.read_bytes() == content


def test_a_sentence_that_cannot_be_asked_stops_no_other(jobs: EntailJobs, picture: Path) -> None:
    (part,) = carried_out(jobs, picture, ("It is day.", "", "day " * 12, 'Is "error" a word?'))
    lines = [json.loads(line) for line in part.read_text().splitlines()]
    assert [line.get("error", {}).get("code") for line in lines] == [
        None,
        "empty_text",
        "text_too_long",
        None,
    ]


def test_another_model_than_it_was_begun_with_gives_it_back(jobs: EntailJobs, picture: Path) -> None:
    plan = planned(jobs, picture, ("It is day.",))
    with pytest.raises(PinLost):
        jobs.run_segment(
            job(picture, ("It is day.",)),
            SegmentOrder(segment=plan.segments[0], pin={**plan.pin, "revision": "2"}),
            progress,
        )


def test_what_cannot_be_done_is_refused_by_the_plan(jobs: EntailJobs, picture: Path) -> None:
    with pytest.raises(InvalidOption, match="no sentence"):
        jobs.plan(job(picture, ()), progress)
    with pytest.raises(InvalidOption, match="not 1 files"):
        jobs.plan(Job(options=EntailJobOptions(), inputs=(picture,), folder=picture.parent), progress)
    picture.write_bytes(b"nothing")
    with pytest.raises(UnsupportedMedia):
        jobs.plan(job(picture, ("day",), "other"), progress)
