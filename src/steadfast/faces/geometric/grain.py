"""Gives a smooth face the grain of the picture it is put into.

A source with fewer pixels than its target is enlarged, and what a lens and a sensor leave at the finest scale
is missing from it: beside real skin it looks like wax. The grain is Gaussian with a fixed seed, so the same
input gives the same bits.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.tone import BgrField
from steadfast.faces.geometric.zones import Weights

_LUMA = np.array([0.114, 0.587, 0.299], dtype=np.float32)  # BT.601, BGR
_SCALE_PX = 0.7  # of the grain: demosaicing and JPEG make neighbours alike
_LEAST = 0.7  # grey levels: less is not seen
_MOST = 6.0
_ROBUST = 1.4826  # a normal distribution's deviation over its median absolute value
_SHARE = 0.5  # of the missing grain: the rest of what real skin shows is the target's pores
_FEWEST_PX = 400


def add_grain(source: BgrField, target: BgrField, skin: Weights) -> BgrField:
    """The source, in place, with as much grain as the target shows on `skin` and the source does not."""
    there = skin > 0.5
    if int(there.sum()) < _FEWEST_PX:
        return source
    missing = grain_level(target, there) ** 2 - grain_level(source, there) ** 2
    level = _SHARE * float(np.sqrt(max(0.0, missing)))
    if level < _LEAST:
        return source
    source += (grain_pattern(source.shape[0], source.shape[1]) * np.float32(min(level, _MOST)))[..., None]
    return source


def grain_level(image: BgrField, there: NDArray[np.bool_]) -> float:
    """How much brightness varies at the finest scale where `there` is true, in grey levels (robust)."""
    luma = image @ _LUMA
    fine = luma - np.asarray(cv2.GaussianBlur(luma, (0, 0), 1.0), dtype=np.float32)
    return float(np.median(np.abs(fine[there]))) * _ROBUST


@lru_cache(maxsize=4)
def grain_pattern(height_px: int, width_px: int) -> NDArray[np.float32]:
    """Grain that `grain_level` measures as 1."""
    white = np.random.default_rng(0).standard_normal((height_px, width_px), dtype=np.float32)
    soft = np.asarray(cv2.GaussianBlur(white, (0, 0), _SCALE_PX), dtype=np.float32)
    measured = grain_level(np.repeat(soft[..., None], 3, axis=2), np.ones(soft.shape, dtype=np.bool_))
    return np.asarray(soft / np.float32(max(measured, 1e-6)), dtype=np.float32)
