"""Gives a warped source face the target's skin tone, light and contrast.

What is coarser than a quarter of the face is light and complexion: there the source takes the target's local
means (a quotient image, so that shadows stay shadows). What is finer is the person: it stays, scaled by how
much brightness and colour vary in the target and in the source.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.zones import Weights

BgrField = NDArray[np.float32]
"""Height × width × 3, BGR, 0–255 or a factor."""

_LIGHT_SIGMA = 0.24  # of the face's width
_GLOBAL_SHARE = 0.06  # how much the whole face's mean steadies places with little skin
_LEAST_GAIN, _MOST_GAIN = 0.25, 3.0
_FINE_SIGMA = 1.0  # grid points: between fine and coarse detail
_FEWEST_POINTS = 8.0
_SHOULDER = np.float32(222)  # grey level from which highlights are rolled off
_LUMA = np.array([0.114, 0.587, 0.299], dtype=np.float32)  # BT.601, BGR


@dataclass(frozen=True, kw_only=True, slots=True)
class ContrastLimits:
    """How far a source may be fitted to the target's contrast."""

    coarse: tuple[float, float]  # of features and wrinkles, which are the person's own
    fine: tuple[float, float]  # of sharpness
    colour: tuple[float, float]
    steepness: float  # the mean brightness gradient is at most the target's times this


# A picture keeps most of what makes the person. In a video whatever moves changes by its gradient times its
# speed, so edges that the target's camera lacks would flicker.
PICTURE_LIMITS = ContrastLimits(coarse=(1.05, 1.2), fine=(0.95, 1.2), colour=(0.75, 1.2), steepness=3.0)
VIDEO_LIMITS = ContrastLimits(coarse=(0.5, 1.15), fine=(0.2, 1.2), colour=(0.4, 1.1), steepness=1.15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """Factors of what rises above the low frequencies."""

    coarse: float  # brightness of features and wrinkles
    fine: float  # brightness of what is finer than a grid point: sharpness
    colour: float

    def mixed(self, other: "Contrast", share: float) -> "Contrast":
        """This one moved towards another by a share of the way."""
        return Contrast(
            coarse=self.coarse + share * (other.coarse - self.coarse),
            fine=self.fine + share * (other.fine - self.fine),
            colour=self.colour + share * (other.colour - self.colour),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tone:
    """How a warped source must change to stand in the target's light.

    Light is smooth, so its fields lie on a grid of their own, a few points for each face.
    """

    gain: BgrField  # factor per channel
    base: BgrField  # the source's own low frequencies after the gain
    contrast: Contrast
    measured_width: int  # points of the grid that contrast was measured on


def match_tone(
    source: BgrField,
    target: BgrField,
    *,
    skin: Weights,
    face: Weights,
    face_width: float,
    limits: ContrastLimits = PICTURE_LIMITS,
    contrast: Contrast | None = None,
) -> Tone | None:
    """The tone that brings `source` to `target`; None if no skin is seen in both.

    Light and colour are measured on `skin`, contrast and sharpness on the whole `face` (eyes, brows and
    mouth are what every face has) unless it is known already.
    """
    if float(skin.sum()) < _FEWEST_POINTS:
        return None
    sigma = max(1.0, _LIGHT_SIGMA * face_width)
    source_base, target_base = _low_frequencies((source, target), skin, sigma)
    gain = np.clip((target_base + 2) / (source_base + 2), _LEAST_GAIN, _MOST_GAIN)
    base = np.asarray(source_base * gain, dtype=np.float32)
    height, width = skin.shape
    if contrast is None:
        detail = source * resize(gain, width, height) - resize(base, width, height)
        contrast = _match_contrast(detail, target - resize(target_base, width, height), face, limits)
    return Tone(gain=gain, base=base, contrast=contrast, measured_width=width)


def apply_tone(pixels: BgrField, tone: Tone) -> BgrField:
    """The tone on full-size pixels; its fields are enlarged to them. Works in place where it can."""
    size, contrast = (pixels.shape[1], pixels.shape[0]), tone.contrast
    base = resize(tone.base, *size)
    detail = np.asarray(cv2.multiply(pixels, resize(tone.gain, *size)), dtype=np.float32)
    detail -= base
    mixing = _mixing(contrast.coarse, contrast.colour)
    if abs(contrast.fine - contrast.coarse) > 0.02:
        sigma = _FINE_SIGMA * size[0] / tone.measured_width
        coarse = np.asarray(cv2.GaussianBlur(detail, (0, 0), sigma), dtype=np.float32)
        cv2.addWeighted(coarse, contrast.coarse - contrast.fine, detail, contrast.fine, 0, dst=detail)
        mixing = _mixing(1.0, contrast.colour / contrast.coarse)
    result = np.asarray(cv2.transform(detail, mixing), dtype=np.float32)
    result += base
    return _below_white(result)


def _below_white(image: BgrField) -> BgrField:
    """The image with highlights rolled off, in place, so that they keep their shape below white."""
    bright = image > _SHOULDER
    over = image[bright] - _SHOULDER
    room = np.float32(255 - _SHOULDER)
    image[bright] = _SHOULDER + room * (1 - np.exp(-over / room))
    return image


def _mixing(luma: float, colour: float) -> NDArray[np.float32]:
    """The matrix that scales brightness and colour apart."""
    return (np.eye(3) * colour + (luma - colour) * _LUMA).astype(np.float32)


def _match_contrast(source: BgrField, target: BgrField, face: Weights, limits: ContrastLimits) -> Contrast:
    of_source, of_target = _Detail.of(source), _Detail.of(target)
    fine, coarse, colour = np.sqrt(of_target.variation(face) / of_source.variation(face))
    coarse, fine = float(np.clip(coarse, *limits.coarse)), float(np.clip(fine, *limits.fine))
    steep = _steepness(of_source.coarse * coarse + of_source.fine * fine, face)
    calm = min(1.0, limits.steepness * _steepness(of_target.coarse + of_target.fine, face) / steep)
    return Contrast(coarse=coarse * calm, fine=fine * calm, colour=float(np.clip(colour, *limits.colour)))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Detail:
    """What rises above the low frequencies of a face."""

    fine: NDArray[np.float32]  # brightness
    coarse: NDArray[np.float32]  # brightness
    colour: NDArray[np.float32]  # mean square over the channels

    @staticmethod
    def of(detail: BgrField) -> "_Detail":
        """Split by scale and by colour."""
        luma = detail @ _LUMA
        coarse = np.asarray(cv2.GaussianBlur(luma, (0, 0), _FINE_SIGMA), dtype=np.float32)
        colour = np.square(detail - luma[..., None]) @ np.full(3, 1 / 3, dtype=np.float32)
        return _Detail(fine=luma - coarse, coarse=coarse, colour=colour)

    def variation(self, weights: Weights) -> NDArray[np.float64]:
        """Weighted mean squares of fine and coarse brightness and of colour; 3."""
        squares = np.stack((np.square(self.fine), np.square(self.coarse), self.colour)).reshape(3, -1)
        mean = squares @ weights.ravel() / max(float(weights.sum()), 1.0)
        return np.asarray(mean + 0.05, dtype=np.float64)


def _steepness(luma: NDArray[np.float32], weights: Weights) -> float:
    """The weighted mean of the brightness gradient."""
    across = np.abs(cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=0.125))
    down = np.abs(cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=0.125))
    return float(np.vdot(across + down, weights)) / max(float(weights.sum()), 1.0) + 1e-3


def _low_frequencies(images: tuple[BgrField, BgrField], weights: Weights, sigma: float) -> list[BgrField]:
    """Blurs that see only weighted pixels (normalised convolution), on a grid just fine enough for them.

    Where hardly any weight is near they fall back to the mean of all.
    """
    width = weights.shape[1]
    # In two steps: products on the full grid would cost more than all the rest.
    near, far = max(1, int(sigma / 6)), max(1, int(sigma / 2.5))
    weights = _smaller(weights, near)
    total = float(weights.sum())
    level = np.float32(_GLOBAL_SHARE * min(1.0, total / weights.size * 4))
    spread = sigma * _smaller(weights, far / near).shape[1] / width
    below = _blurred(_smaller(weights, far / near), spread)[..., None] + level
    found = []
    for image in images:
        weighted = _smaller(image, near) * weights[..., None]
        mean = weighted.reshape(-1, 3).sum(axis=0) / np.float32(total)
        found.append((_blurred(_smaller(weighted, far / near), spread) + level * mean) / below)
    return found


def _smaller(image: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    return resize(image, max(4, round(width / factor)), max(4, round(height / factor)))


def _blurred(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)
