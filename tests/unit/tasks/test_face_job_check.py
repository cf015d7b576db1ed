"""What a job of faces may be told is known at the door, and is what workers know."""

from pathlib import Path

import pytest

from steadfast.errors import InvalidOption
from steadfast.faces.selection import SelectionRule, parse_selection
from steadfast.media import encoders
from steadfast.media.containers import VIDEO_SUFFIXES, output_container
from steadfast.tasks import face_job_check
from steadfast.tasks.face_job_check import check_face_options
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.result_formats import PICTURE_FORMATS


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"faces": "0, 12"},
        {"faces": "ALL"},
        {"faces": "", "has_reference": True},
        {"format": ".MP4", "codec": "H265", "preset": "veryslow", "video_quality": 0},
        {"format": "png", "codec": "h264_nvenc"},
        {"format": "gif", "codec": "gif"},
    ],
)
def test_what_can_be_done_is_let_in(given: dict[str, object]) -> None:
    check_face_options(FaceJobOptions(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"faces": "biggest"}, "left-to-right"),
        ({"faces": ""}, "left-to-right"),
        ({"faces": "0;2"}, "numbers"),
        ({"faces": "like:anna.jpg"}, "reference"),
        ({"format": "exe"}, "mp4"),
        ({"codec": "divx"}, "hevc"),
        ({"codec": "h264", "format": "webm"}, "vp9"),
        ({"preset": "rapid"}, "ultrafast"),
        ({"quality": 0}, "Leave it out"),
        ({"video_quality": float("nan")}, "Leave it out"),
        ({"min_similarity": 7.0}, "Leave it out"),
        ({"threads": -1}, "Leave it out"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(given: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        check_face_options(FaceJobOptions(**given))  # type: ignore[arg-type]
    assert told in refused.value.remedy


def test_the_door_knows_what_workers_know() -> None:
    rules = {parse_selection(word).rule for word in face_job_check.FACES}
    assert rules == set(SelectionRule) - {SelectionRule.INDEX, SelectionRule.LIKE}
    pictures = {f".{one}" for one in face_job_check.PICTURE_FORMATS}
    assert pictures == set(PICTURE_FORMATS) - {".gif"}  # which is among the videos
    assert {suffix: output_container(Path(f"x{suffix}")).codecs for suffix in VIDEO_SUFFIXES} == {
        f".{name}": codecs for name, codecs in face_job_check.VIDEO_CODECS.items()
    }
    assert {one.name: one.codec for one in encoders.ENCODERS.values()} == face_job_check.ENCODERS
    assert face_job_check.PRESETS == encoders.PRESETS
    spoken = {name: codec for name, codec in encoders._ALIASES.items() if name != codec}
    assert spoken == face_job_check.ALIASES
