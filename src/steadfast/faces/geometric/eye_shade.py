"""Lightens tinted shade around a source's eyes, which another light would turn into red bruises.

Behind lenses and under deep brows the light has passed or left skin several times: the shade is redder than
any skin in the open. A tone that suits the face multiplies such colours; so they are brought to what skin can
be before. Eyes and their dark irises in ordinary light are far from the limit and keep their every bit.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.anatomy import Anatomy
from steadfast.faces.geometric.skin import measure_skin, to_lab
from steadfast.faces.geometric.zones import Weights, soften
from steadfast.media.canvas import BgrImage

_MOST_TINT = 1.5  # chroma per lightness, as a multiple of the skin's
_LEAST_LIMIT = 0.65  # chroma per lightness that brown irises in pale faces reach
_BLACK = 13.0  # L*: below it colour is noise
_SPREAD = 0.05  # of the face's width: shade is smooth
_LIGHTENED = 2.5  # how much of the way to skin, per share of the chroma that was too much


def lighten_eye_shade(pixels: BgrImage, face: Anatomy) -> BgrImage:
    """The picture of a source with the shade around its eyes no more tinted than skin; BGR."""
    lab = to_lab(pixels)
    skin = measure_skin(lab, face.core)
    if skin is None:
        return pixels
    around = soften(face.around_eyes, face.width * 0.03)
    chroma = np.linalg.norm(lab[..., 1:], axis=2)
    skin_light, skin_chroma = float(skin.centre[0]), float(np.linalg.norm(skin.centre[1:]))
    limit = max(_MOST_TINT * skin_chroma / max(skin_light, 1.0), _LEAST_LIMIT)
    most = limit * np.clip(lab[..., 0], min(_BLACK, skin_light), skin_light)
    excess = np.asarray(around * np.clip(1 - most / np.maximum(chroma, 1e-3), 0, 1), dtype=np.float32)
    if not excess.any():
        return pixels
    lightened = _lightened(lab[..., 0], excess, skin_light, face.width * _SPREAD)
    changed = np.dstack((lightened, lab[..., 1:] * (1 - excess[..., None]))).astype(np.float32)
    bgr = np.round(np.clip(cv2.cvtColor(changed, cv2.COLOR_LAB2BGR) * 255, 0, 255)).astype(np.uint8)
    return np.where((lightened != lab[..., 0])[..., None] | (excess > 0)[..., None], bgr, pixels)


def _lightened(
    light: NDArray[np.float32], excess: Weights, skin_light: float, sigma: float
) -> NDArray[np.float32]:
    """L* raised where colour was too much, in proportion to itself: pupils stay dark."""
    share = np.clip(_LIGHTENED * soften(excess, sigma), 0, 1)
    missing = np.clip(skin_light - soften(light, sigma), 0, None)
    raised = light + missing * share * np.clip(light / skin_light, 0, 1)
    return np.asarray(raised, dtype=np.float32)
