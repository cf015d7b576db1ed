"""Which pixels of a face are skin, by the colour of this very face; no trained model."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.zones import Weights
from steadfast.media.canvas import BgrImage

LabImage = NDArray[np.float32]
"""Height × width × 3: CIE L* 0–100, a*, b*."""

_SAMPLE = 600  # pixels that a median is taken of: more cost time and tell no more
_LEAST_SHADE = 0.12  # of the skin's own L*: a cheek in the shade of its own face is still skin
_LEAST_SPREAD = 3.0  # of a* and b*: below it noise would be called not skin


@dataclass(frozen=True, kw_only=True, slots=True)
class SkinColour:
    """The colour of one face's skin in CIE Lab."""

    centre: NDArray[np.float32]  # 3, median
    spread: NDArray[np.float32]  # 3, one robust standard deviation


def to_lab(image: BgrImage) -> LabImage:
    """The image in CIE Lab."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), dtype=np.float32)


def measure_skin(lab: LabImage, core: Weights) -> SkinColour | None:
    """Median and spread of the pixels where `core` is high; None if they are too few to tell."""
    places = np.flatnonzero(core > 0.5)
    if len(places) < 12:
        return None
    pixels = np.take(lab.reshape(-1, 3), places[:: max(1, len(places) // _SAMPLE)], axis=0)
    centre = np.median(pixels, axis=0)
    spread = np.median(np.abs(pixels - centre), axis=0) * 1.4826
    least = np.array([max(2.0, _LEAST_SHADE * centre[0]), _LEAST_SPREAD, _LEAST_SPREAD], dtype=np.float32)
    return SkinColour(centre=centre.astype(np.float32), spread=np.maximum(spread, least).astype(np.float32))


def skin_likeness(lab: LabImage, skin: SkinColour) -> Weights:
    """1 where the colour is the skin's, falling to 0 beyond three and a half spreads."""
    scale = 1 / skin.spread
    away = [(plane - c) * s for plane, c, s in zip(cv2.split(lab), skin.centre, scale, strict=True)]
    # A face in light and shade varies in L far more than in colour.
    away[0] *= np.where(away[0] < 0, np.float32(0.95), np.float32(0.6))
    distance = cv2.magnitude(cv2.magnitude(away[0], away[1]), away[2])
    return np.asarray(np.clip((np.float32(3.9) - distance) * np.float32(1 / 1.2), 0, 1), dtype=np.float32)
