"""The fact that the quality of a result was measured; whoever samples real traffic states it."""

from enum import StrEnum

from steadfast.events import FrequentEvent


class QualityReading(StrEnum):
    """What was measured of a result."""

    IDENTITY = "identity"  # similarity of the swapped face to its source, in the engine's own space
    FLICKER = "flicker"  # change from frame to frame inside the mask, relative to the original's
    PSNR_OUTSIDE = "psnr_outside"  # decibels, of what lies outside the mask
    SSIM_OUTSIDE = "ssim_outside"  # the same, by structure
    MASK_OVERLAP = "mask_overlap"  # intersection over union
    FACE_DISTANCE = "face_distance"  # Fréchet distance in embedding space between outputs and sources


class Verdict(StrEnum):
    """What a reading means."""

    MET = "met"  # as promised
    MISSED = "missed"  # below what is promised
    NOT_JUDGED = "not_judged"  # nothing is promised of it for this engine


class ResultSampled(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """A worker has looked at one of its results."""

    task: str
    engine: str
    readings: dict[str, float]
    """By the names of `QualityReading`; a worker said them."""


class QualityMeasured(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """One result, or one batch of results, was measured."""

    task: str
    engine: str
    reading: QualityReading
    value: float
    verdict: Verdict = Verdict.NOT_JUDGED
