"""A result is of the kind that was asked for, else of its target's own."""

from pathlib import Path
from typing import Any

import pytest
from tests.video_files import make_video

from steadfast.errors import InvalidOption
from steadfast.media.limits import DEFAULT_LIMITS
from steadfast.media.sniff import MediaKind
from steadfast.tasks.result_formats import CONTENT_TYPES, PICTURE_FORMATS, suffix_for


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("a.mp4", {}),
        ("a.mov", {}),
        ("a.mkv", {}),
        ("a.webm", {"codec": "libvpx", "options": {"deadline": "realtime"}}),
    ],
)
def test_a_video_stays_what_it_is_whatever_its_file_is_called(
    tmp_path: Path, name: str, recipe: dict[str, Any]
) -> None:
    made = make_video(tmp_path / name, **recipe)
    nameless = made.rename(tmp_path / "3f2a")
    assert suffix_for("", MediaKind.VIDEO, nameless, DEFAULT_LIMITS) == Path(name).suffix


def test_what_cannot_be_written_becomes_the_nearest(tmp_path: Path) -> None:
    avi = make_video(tmp_path / "a.avi", codec="mpeg4", muxer="avi")
    assert suffix_for("", MediaKind.VIDEO, avi, DEFAULT_LIMITS) == ".mp4"


def test_what_is_asked_for_counts_if_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "any"
    assert suffix_for("MKV", MediaKind.VIDEO, path, DEFAULT_LIMITS) == ".mkv"
    assert suffix_for(".png", MediaKind.PICTURE, path, DEFAULT_LIMITS) == ".png"
    for wanted, kind in (("png", MediaKind.VIDEO), ("mp4", MediaKind.PICTURE), ("../x", MediaKind.VIDEO)):
        with pytest.raises(InvalidOption, match="cannot be written"):
            suffix_for(wanted, kind, path, DEFAULT_LIMITS)


def test_every_kind_of_result_has_a_content_type() -> None:
    assert not set(PICTURE_FORMATS) - set(CONTENT_TYPES)
