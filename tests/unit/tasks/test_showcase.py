"""The demo's material is real, its own, and always the same."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.errors import InputMissing
from steadfast.tasks.showcase import COLLINS, HOPPER, portrait, render_clip


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (96, 96, 3), dtype=np.uint8)


def test_both_portraits_come_with_installed_libraries() -> None:
    assert portrait(COLLINS).suffix == ".png"
    assert portrait(HOPPER).suffix == ".jpg"


def test_a_portrait_whose_library_is_missing_names_the_extra() -> None:
    with pytest.raises(InputMissing) as caught:
        portrait(("no_such_package_here", "face.png"))
    assert "steadfast[demo]" in caught.value.remedy


def test_the_clip_has_the_frames_size_and_sound_it_was_asked_for(
    tmp_path: Path, picture: NDArray[np.uint8]
) -> None:
    render_clip(picture, tmp_path / "clip.mp4", seconds=1.0, size=(160, 120), fps=10)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        frames = list(clip.decode(video=0))
        assert (len(frames), frames[0].width, frames[0].height) == (10, 160, 120)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        sound = np.concatenate([f.to_ndarray()[0] for f in clip.decode(audio=0)])
    assert np.abs(sound[:12_000]).max() > 0.1  # the beep
    assert np.abs(sound[20_000:40_000]).max() < 0.01  # the silence between


def test_the_clip_moves(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    render_clip(picture, tmp_path / "clip.mp4", seconds=1.0, size=(160, 120), fps=10)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        first, *_, last = (f.to_ndarray(format="gray") for f in clip.decode(video=0))
    assert np.abs(first.astype(int) - last).mean() > 10
