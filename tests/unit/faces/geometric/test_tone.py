import numpy as np
import pytest
from numpy.testing import assert_allclose

from steadfast.faces.geometric.tone import (
    PICTURE_LIMITS,
    VIDEO_LIMITS,
    BgrField,
    Contrast,
    Tone,
    apply_tone,
    match_tone,
)

FACE = np.ones((60, 60), dtype=np.float32)


def skin(level: float, *, detail: float = 0.0, seed: int = 0) -> BgrField:
    """Skin of one brightness with fine detail of this deviation."""
    noise = np.random.default_rng(seed).normal(0, 1, (60, 60, 1)) * detail
    return np.asarray(np.clip(np.array([0.7, 0.85, 1.0]) * level + noise, 0, 255), dtype=np.float32)


def matched(source: BgrField, target: BgrField, **options: object) -> Tone:
    tone = match_tone(source, target, skin=FACE, face=FACE, face_width=60, **options)  # type: ignore[arg-type]
    assert tone is not None
    return tone


def test_mean_colour_becomes_the_targets() -> None:
    source, target = skin(90, detail=3), skin(190, detail=3, seed=1)
    result = apply_tone(source, matched(source, target))
    assert_allclose(result.mean(axis=(0, 1)), target.mean(axis=(0, 1)), rtol=0.02)


def test_light_from_one_side_falls_on_the_source_too() -> None:
    lit = skin(150) * np.linspace(0.6, 1.4, 60, dtype=np.float32)[None, :, None]
    result = apply_tone(skin(150), matched(skin(150), lit))
    assert result[:, 50:].mean() > 1.3 * result[:, :10].mean()


def test_detail_of_a_video_is_no_steeper_than_the_targets_allows() -> None:
    source, target = skin(150, detail=20), skin(150, detail=2, seed=1)
    calm = apply_tone(source, matched(source, target, limits=VIDEO_LIMITS))
    kept = apply_tone(source, matched(source, target, limits=PICTURE_LIMITS))
    assert calm.std(axis=(0, 1)).max() < 4
    assert kept.std(axis=(0, 1)).max() > calm.std(axis=(0, 1)).max()


def test_a_sharper_target_never_makes_detail_more_than_a_fifth_stronger() -> None:
    tone = matched(skin(150, detail=1), skin(150, detail=30, seed=1))
    assert tone.contrast.fine <= 1.2


def test_highlights_keep_their_order_below_white() -> None:
    source = skin(230)
    source[20:30, 20:30] += 60
    source[24:26, 24:26] += 60
    result = apply_tone(source, matched(skin(230), skin(235)))
    assert result.max() <= 256
    assert result[25, 25].mean() > result[21, 21].mean() > result[5, 5].mean()


def test_without_skin_there_is_no_tone() -> None:
    nothing = np.zeros_like(FACE)
    assert match_tone(skin(90), skin(90), skin=nothing, face=FACE, face_width=60) is None


def test_contrast_moves_by_the_share_that_is_asked_for() -> None:
    one, other = Contrast(coarse=1, fine=0, colour=1), Contrast(coarse=0, fine=1, colour=1)
    half = one.mixed(other, 0.25)
    assert (half.coarse, half.fine, half.colour) == pytest.approx((0.75, 0.25, 1))
