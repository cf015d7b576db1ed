"""Frames of a span are, pixel for pixel, what reading the whole file delivers, in every codec."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.video_files import make_video

from steadfast.media.frame_decoder import DecodedFrame
from steadfast.media.frame_index import cut
from steadfast.media.video_reader import open_video

SIZE = (160, 128)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "closed groups": ("a.mp4", {"options": {"g": "30"}}),
    "open groups": ("a.mkv", {"options": {"x264-params": "open-gop=1:keyint=30:bframes=3:b-adapt=0"}}),
    "no key frames but a rolling refresh": (
        "a.mp4",
        {"options": {"x264-params": "intra-refresh=1:keyint=30"}},
    ),
    "hevc, open groups": (
        "a.mp4",
        {"codec": "libx265", "options": {"x265-params": "log-level=error:keyint=30:open-gop=1"}},
    ),
    "frames that are never shown": (
        "a.webm",
        {
            "codec": "libvpx",
            "options": {
                "g": "30",
                "deadline": "realtime",
                "cpu-used": "8",
                "auto-alt-ref": "1",
                "lag-in-frames": "16",
            },
        },
    ),
    "mpeg4 in avi": ("a.avi", {"codec": "mpeg4", "muxer": "avi", "options": {"g": "12", "bf": "2"}}),
}


def digest(item: DecodedFrame) -> str:
    return "" if item.frame is None else hashlib.sha256(item.frame.to_ndarray().tobytes()).hexdigest()


def whole(path: Path) -> dict[int, str]:
    with open_video(path) as reader:
        return {item.pts: digest(item) for item in reader if isinstance(item, DecodedFrame)}


def in_spans(path: Path) -> dict[int, str]:
    with open_video(path) as reader:
        spans = cut(reader.index(), seconds=1.0, time_base=float(reader.info.time_base))
    assert len(spans) > 2
    found: dict[int, str] = {}
    for span in spans:
        with open_video(path) as reader:
            for item in reader.frames_of(span):
                if span.first_pts is None or item.pts >= span.first_pts:
                    assert item.pts not in found
                    found[item.pts] = digest(item)
                else:
                    assert found[item.pts] == digest(item), (
                        "the lead-in is what the segment before ended with"
                    )
    return found


@pytest.mark.parametrize("case", CASES)
def test_spans_together_are_the_file(tmp_path: Path, case: str) -> None:
    name, recipe = CASES[case]
    path = make_video(tmp_path / name, size=SIZE, frames=110, **recipe)
    assert in_spans(path) == whole(path)


def test_the_index_knows_every_frame_by_its_time(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", size=SIZE, frames=60, pts=[n * n for n in range(60)])
    with open_video(path) as reader:
        index = reader.index()
    assert list(index.pts) == list(whole(path))


def test_undecodable_frames_repeat_in_spans_as_in_the_whole(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", size=SIZE, frames=110, codec="mjpeg", pixel_format="yuvj420p")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    expected, found = whole(path), in_spans(path)
    assert found.keys() == expected.keys()
    assert "" in expected.values(), "some are damaged"
    assert [at for at, seen in found.items() if not seen] == [at for at, seen in expected.items() if not seen]


def test_the_key_frame_of_a_time_is_found(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", size=SIZE, frames=110, options={"g": "30"})
    expected = whole(path)
    with open_video(path) as reader:
        keys = reader.index().keys
    for key in keys[1:]:
        with open_video(path) as reader:
            frame = reader.frame_at((key.pts, key.dts))
            assert frame is not None
            assert (
                hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
                == list(expected.values())[key.number]
            )
