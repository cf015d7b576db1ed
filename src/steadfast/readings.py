"""How good results are, as numbers: what a worker that looked at one of them says, as plain data.

Whoever hands the result on states `ResultSampled`; whoever knows what was promised judges it.
"""

from enum import StrEnum
from typing import TypeAlias
from zlib import crc32

import msgspec

from steadfast.events import FrequentEvent

Readings: TypeAlias = dict[str, float]
"""By the names of `QualityReading`; what could not be measured is not there."""


class QualityReading(StrEnum):
    """What was measured of a result."""

    IDENTITY = "identity"  # similarity of the swapped face to its source, in the engine's own space
    FLICKER = "flicker"  # change from frame to frame inside the mask, relative to the original's
    PSNR_OUTSIDE = "psnr_outside"  # decibels, of what lies outside the mask
    SSIM_OUTSIDE = "ssim_outside"  # the same, by structure
    MASK_OVERLAP = "mask_overlap"  # intersection over union
    FACE_DISTANCE = "face_distance"  # Fréchet distance in embedding space between outputs and sources
    ACCURACY = "accuracy"  # part of drawn questions, whose answers are known, that the model answers right
    STEADINESS = "steadiness"  # how little an answer changes when the same picture is encoded anew


def is_drawn(lot: str, share: float) -> bool:
    """Whether a lot is among the `share` that is measured; the same lot always is or never is."""
    return share > 0.0 and crc32(lot.encode("utf-8", "replace")) < share * 2**32


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when a result was looked at."""

    engine: str
    """That made it; of entailment, the model."""
    readings: Readings = {}


class ResultSampled(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """A worker has looked at one of its results."""

    task: str
    engine: str
    readings: Readings
    """A worker said them."""
