"""A cut is told from motion, flashes and fades."""

import numpy as np
import pytest

from steadfast.faces.scene_cut import SceneCutDetector, correlation, signature
from steadfast.media.canvas import ArrayCanvas, BgrImage, GreyImage


def scene(seed: int) -> BgrImage:
    """Large smooth blots, as pictures have."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    grey = np.kron(coarse, np.ones((40, 40), dtype=np.uint8))
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


def cuts(*frames: BgrImage) -> list[bool]:
    detector = SceneCutDetector()
    return [detector.is_cut(ArrayCanvas(frame)) for frame in frames]


def test_another_scene_is_a_cut_once() -> None:
    assert cuts(scene(1), scene(1), scene(2), scene(2), scene(1)) == [False, False, True, False, True]


def test_the_first_frame_is_no_cut() -> None:
    assert cuts(scene(1)) == [False]


def test_motion_and_noise_are_no_cut() -> None:
    frames = [np.roll(scene(1), shift, axis=1) for shift in range(0, 40, 8)]
    noise = np.random.default_rng(3).integers(-20, 20, frames[0].shape)
    frames.append(np.clip(frames[-1] + noise, 0, 255).astype(np.uint8))
    assert not any(cuts(*frames))


def test_a_flash_and_a_fade_are_no_cut() -> None:
    bright = np.clip(scene(1).astype(int) + 70, 0, 255).astype(np.uint8)
    faded = [(scene(1) * share).astype(np.uint8) for share in (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)]
    assert not any(cuts(scene(1), bright, scene(1), *faded))


def test_a_change_of_size_is_a_cut() -> None:
    assert cuts(scene(1), scene(1)[:160]) == [False, True]


def test_a_canvas_that_signs_itself_is_not_converted() -> None:
    class Signed(ArrayCanvas):
        def luma_signature(self) -> GreyImage:
            return np.full((36, 64), 7, dtype=np.uint8)

        def thumbnail(self, long_side_px: int) -> tuple[BgrImage, float]:
            raise AssertionError("a thumbnail costs a conversion")

    assert signature(Signed(scene(1))).mean() == 7


def test_plain_areas_correlate_with_everything() -> None:
    plain = np.full((4, 4), 9, dtype=np.float32)
    assert correlation(plain, np.arange(16, dtype=np.float32).reshape(4, 4)) == 1
    ramp = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert correlation(ramp, -ramp) == pytest.approx(-1)
