"""`make demo`'s command does the main job on a machine that has nothing but the packages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from steadfast.media.provenance import read_mark


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A fresh home without models: what the command prints, and its folder."""
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STEADFAST_")}
    done = subprocess.run(
        [sys.executable, "-m", "steadfast", "demo", "--folder", str(home / "out"), "--json"],
        env={**kept, "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home / "out", json.loads(done.stdout)


def test_the_embedded_engine_does_it_without_a_download(demo: tuple[Path, dict[str, object]]) -> None:
    _, report = demo
    assert report["engine"] == "embedded"


def test_each_portrait_becomes_more_like_its_source_than_like_who_was_there(
    demo: tuple[Path, dict[str, object]],
) -> None:
    steps = demo[1]["steps"]
    assert isinstance(steps, list)
    for step in steps[:2]:
        assert step["like_source"] > step["like_target"]


def test_the_video_keeps_its_frames_and_sound_and_every_frame_is_swapped(
    demo: tuple[Path, dict[str, object]],
) -> None:
    folder, report = demo
    steps = report["steps"]
    assert isinstance(steps, list)
    assert steps[2]["report"]["video"]["frames_swapped"] == 180
    with av.open(str(folder / "hopper-on-clip.mp4")) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == 180
        assert [stream.type for stream in clip.streams] == ["video", "audio"]


def test_the_pictures_say_what_they_are(demo: tuple[Path, dict[str, object]]) -> None:
    for name in ("hopper-on-collins.png", "collins-on-hopper.png", "overview.jpg"):
        mark = read_mark(demo[0] / name)
        assert mark is not None
        assert not mark.generative
