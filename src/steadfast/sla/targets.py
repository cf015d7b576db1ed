"""The settings as targets of quality: the profile's, where nothing else was said."""

from collections.abc import Mapping
from typing import Final

from steadfast.observability.quality import Verdict
from steadfast.readings import QualityReading
from steadfast.settings import ObjectiveSettings, QualityTargets

NEURAL_GPU: Final = {
    "neural": QualityTargets(
        identity=0.85, face_distance=20.0, psnr_outside=30.0, mask_overlap=0.92, frame_s=0.040
    )
}
AT_LEAST: Final = frozenset(
    {
        QualityReading.IDENTITY,
        QualityReading.PSNR_OUTSIDE,
        QualityReading.SSIM_OUTSIDE,
        QualityReading.MASK_OVERLAP,
        QualityReading.ACCURACY,
        QualityReading.STEADINESS,
    }
)
"""Readings of which more is better."""


def quality_targets(settings: ObjectiveSettings) -> Mapping[str, QualityTargets]:
    """By engine."""
    profile = NEURAL_GPU if settings.profile == "neural-gpu" else {}
    engines = {**dict.fromkeys(profile), **dict.fromkeys(settings.quality)}
    return {
        engine: QualityTargets(
            **{
                **profile.get(engine, QualityTargets()).model_dump(),
                **settings.quality.get(engine, QualityTargets()).model_dump(exclude_unset=True),
            }
        )
        for engine in engines
    }


def bound_of(targets: QualityTargets | None, reading: QualityReading) -> float | None:
    """What is promised of a reading; None: nothing."""
    bound: float | None = getattr(targets, reading.value) if targets is not None else None
    return bound


def verdict_of(targets: QualityTargets | None, reading: QualityReading, value: float) -> Verdict:
    """What a reading means."""
    bound = bound_of(targets, reading)
    if bound is None:
        return Verdict.NOT_JUDGED
    return Verdict.MET if (value >= bound if reading in AT_LEAST else value <= bound) else Verdict.MISSED
