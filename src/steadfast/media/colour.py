"""How the numbers in a video's planes mean colours: matrix, range, depth, as its tags say.

Formulas: ITU-T H.273 (matrix coefficients and ranges), which unites BT.601, BT.709 and BT.2020. Codes of
the tags are H.273's own numbers, as containers and FFmpeg carry them.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

UNSPECIFIED = 2
"""H.273's code for "not said" of primaries, transfer and matrix."""


class MatrixCode(IntEnum):
    """H.273 MatrixCoefficients, those whose formula is the plain luma and two colour differences."""

    BT709 = 1
    FCC = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    BT2020 = 9
    BT2020_CONSTANT = 10


class RangeCode(IntEnum):
    """Which codes of a sample are used; numbers as FFmpeg has them."""

    UNSPECIFIED = 0
    LIMITED = 1  # 16–235 and 16–240 at 8 bits
    FULL = 2  # 0–255 at 8 bits


_LUMA_WEIGHTS = {  # (red, blue); green is what is left
    MatrixCode.BT709: (0.2126, 0.0722),
    MatrixCode.FCC: (0.30, 0.11),
    MatrixCode.BT470BG: (0.299, 0.114),
    MatrixCode.SMPTE170M: (0.299, 0.114),
    MatrixCode.SMPTE240M: (0.212, 0.087),
    MatrixCode.BT2020: (0.2627, 0.0593),
    MatrixCode.BT2020_CONSTANT: (0.2627, 0.0593),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourTags:
    """What a stream says of its colours; carried from input to output unchanged."""

    primaries: int = UNSPECIFIED  # H.273 ColourPrimaries
    transfer: int = UNSPECIFIED  # H.273 TransferCharacteristics; 16 is PQ, 18 is HLG
    matrix: int = UNSPECIFIED  # H.273 MatrixCoefficients
    range: RangeCode = RangeCode.UNSPECIFIED

    @property
    def is_hdr(self) -> bool:
        """Whether brightness is coded as PQ or HLG."""
        return self.transfer in (16, 18)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """The affine maps between the samples of a pixel (Y, Cb, Cr) and 8-bit BGR."""

    to_bgr: NDArray[np.float32]  # 3 × 4, applied to (Y, Cb, Cr, 1)
    from_bgr: NDArray[np.float32]  # 3 × 4, applied to (B, G, R, 1)


def choose_matrix(code: int, width_px: int, height_px: int) -> MatrixCode:
    """The matrix a player would use: the tag if it says one, else BT.709 above standard definition.

    The rule for untagged video is the one players agree on; reading and writing use the same matrix, so a
    wrong guess changes what the models see a little and what is written not at all.
    """
    try:
        return MatrixCode(code)
    except ValueError:
        return MatrixCode.BT709 if width_px >= 1280 or height_px > 576 else MatrixCode.SMPTE170M


@lru_cache(maxsize=64)
def ycbcr_conversion(matrix: MatrixCode, *, full_range: bool, depth_bits: int) -> Conversion:
    """The maps for samples of `depth_bits` bits."""
    red, blue = _LUMA_WEIGHTS[matrix]
    green = 1.0 - red - blue
    # Rows B, G, R from Y in 0–1 and Cb, Cr in ±0.5.
    unit = np.array(
        [
            [1.0, 2 * (1 - blue), 0.0],
            [1.0, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1.0, 0.0, 2 * (1 - red)],
        ]
    )
    top, step = (1 << depth_bits) - 1, 1 << (depth_bits - 8)
    spans = np.array([top, top, top] if full_range else [219 * step, 224 * step, 224 * step], dtype=float)
    zeros = np.array([0 if full_range else 16 * step, 128 * step, 128 * step], dtype=float)
    return _affine(255.0 * unit / spans, zeros)


@lru_cache(maxsize=16)
def rgb_conversion(depth_bits: int) -> Conversion:
    """The maps for planes that hold blue, green and red themselves."""
    return _affine(np.eye(3) * (255.0 / ((1 << depth_bits) - 1)), np.zeros(3))


def _affine(linear: NDArray[np.float64], zeros: NDArray[np.float64]) -> Conversion:
    inverse = np.linalg.inv(linear)
    return Conversion(
        to_bgr=np.column_stack([linear, -linear @ zeros]).astype(np.float32),
        from_bgr=np.column_stack([inverse, zeros]).astype(np.float32),
    )
