"""Gives a warped source face the target's skin tone, light and contrast."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.zones import Weights

BgrField = NDArray[np.float32]
"""Height × width × 3, BGR, 0–255 or a factor."""

_LIGHT_SIGMA = 0.16  # of the face's width: what is coarser than this is the scene's light, not the person
_GLOBAL_SHARE = 0.06  # how much the whole face's mean steadies places with little skin
_LEAST_GAIN, _MOST_GAIN = 0.25, 3.0
_LEAST_CONTRAST, _MOST_CONTRAST = 0.7, 1.25


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tone:
    """How a warped source must change to stand in the target's light; all on the grid."""

    gain: BgrField  # factor per channel
    base: BgrField  # the source's own low frequencies after the gain
    contrast: float  # factor of what rises above `base`


def match_tone(source: BgrField, target: BgrField, skin: Weights, face_width: float) -> Tone | None:
    """The tone that brings `source` to `target` where `skin` is seen in both; None if none is."""
    if float(skin.sum()) < 8.0:
        return None
    sigma = max(1.0, _LIGHT_SIGMA * face_width)
    source_base, target_base = _smooth(source, skin, sigma), _smooth(target, skin, sigma)
    gain = np.clip((target_base + 2) / (source_base + 2), _LEAST_GAIN, _MOST_GAIN)
    base = source_base * gain
    contrast = _contrast(source * gain - base, target - target_base, skin)
    return Tone(gain=gain, base=base, contrast=contrast)


def _smooth(image: BgrField, weights: Weights, sigma: float) -> BgrField:
    """A blur that sees only weighted pixels (normalised convolution) and falls back to their mean."""
    total = float(weights.sum())
    mean = (image * weights[..., None]).sum(axis=(0, 1)) / total
    level = _GLOBAL_SHARE * min(1.0, total / weights.size * 4)
    top = _blur(image * weights[..., None], sigma) + level * mean
    return np.asarray(top / (_blur(weights, sigma) + level)[..., None], dtype=np.float32)


def _blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A wide Gaussian, made on a coarser grid where that loses nothing."""
    height, width = image.shape[:2]
    factor = max(1, int(sigma / 2.5))
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)
    size = (max(4, round(width / factor)), max(4, round(height / factor)))
    small = cv2.GaussianBlur(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), sigma * size[0] / width
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _contrast(source: BgrField, target: BgrField, weights: Weights) -> float:
    """How much more the target's detail varies than the source's: the square root of the ratio, bounded."""
    of_source = float((np.square(source[..., 1]) * weights).sum())
    of_target = float((np.square(target[..., 1]) * weights).sum())
    ratio = (of_target + 1e-6) / (of_source + 1e-6)
    return float(np.clip(ratio**0.25, _LEAST_CONTRAST, _MOST_CONTRAST))


def apply_tone(pixels: BgrField, tone: Tone) -> BgrField:
    """The tone on full-size pixels; its fields are enlarged to them."""
    size = (pixels.shape[1], pixels.shape[0])
    slope, offset = tone.gain * tone.contrast, tone.base * (1 - tone.contrast)
    slope, offset = resize(slope, *size), resize(offset, *size)
    return np.asarray(pixels * slope + offset, dtype=np.float32)
