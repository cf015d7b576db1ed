"""Settings of what is promised, and of the ledger that shows what was kept."""

from typing import Literal

from pydantic import Field

from steadfast.settings.values import Section


class QualityTargets(Section):
    """What is promised of the results of one engine; none: nothing is. Figures of two engines don't compare,
    because each measures in its own space."""

    identity: float | None = Field(default=None, ge=-1, le=1)
    """Similarity of a swapped face to its source, at least."""
    flicker: float | None = Field(default=None, gt=0)
    """Change from frame to frame relative to the original's, at most."""
    psnr_outside: float | None = Field(default=None, gt=0)
    """Decibels outside the mask, at least."""
    ssim_outside: float | None = Field(default=None, gt=0, le=1)
    """Structural similarity outside the mask, at least."""
    mask_overlap: float | None = Field(default=None, gt=0, le=1)
    """Overlap of the face's outline before and after, at least."""
    face_distance: float | None = Field(default=None, gt=0)
    """Fréchet distance between the embeddings of outputs and sources, at most."""
    accuracy: float | None = Field(default=None, gt=0, le=1)
    """Part of twelve drawn questions with known answers that is answered right, at least. Of
    `shapes_entailment`: other models do not know that world."""
    steadiness: float | None = Field(default=None, gt=0, le=1)
    """How much of an answer's probabilities stays where it was when its picture is encoded anew, at least."""
    frame_s: float | None = Field(default=None, gt=0)
    """Seconds in a worker for a picture of up to one megapixel, at most, for 99 of 100."""


class ObjectiveSettings(Section):
    """What is promised: `steadfast sla report` says what was kept of it."""

    ledger: bool = True
    """Whether every request is recorded, so that there can be a report."""
    ledger_days: float = Field(default=90.0, gt=0)
    """Days for which single requests are kept."""
    rollup_days: float = Field(default=800.0, gt=0)
    """Days for which their sums by minute and hour are kept."""
    availability: float = Field(default=0.999, gt=0, lt=1)
    """Part of the requests that are not the caller's fault which must be answered, and part of the time in
    which a server must be there."""
    success: float = Field(default=0.996, gt=0, lt=1)
    """Part of the accepted requests that must be answered."""
    latency_p90_s: dict[str, float] = Field(default={"small": 0.8, "medium": 0.8, "large": 0.8, "huge": 0.8})
    """Seconds within which 90 of 100 answers must come, by size: small (up to 1 megapixel), medium (4), large
    (16), huge."""
    latency_p99_s: dict[str, float] = Field(default={"small": 3.0, "medium": 3.0, "large": 3.0, "huge": 3.0})
    """The same for 99 of 100."""
    turnaround_s: float = Field(default=900.0, gt=0)
    """Seconds within which a job must be done …"""
    turnaround: float = Field(default=0.95, gt=0, lt=1)
    """… and the part of the jobs that must."""
    takeover_s: float = Field(default=0.25, gt=0)
    """Seconds for which a worker's place may stand empty …"""
    takeover: float = Field(default=0.99, gt=0, lt=1)
    """… and the part of the deaths for which that must hold."""
    lost_jobs: int = Field(default=0, ge=0)
    """Accepted jobs that may vanish."""
    quality: dict[str, QualityTargets] = Field(default={})
    """Promises about results by engine (of faces) or model (of entailment):
    `STEADFAST_OBJECTIVES__QUALITY__STANDARD__IDENTITY=0.5`."""
    quality_kept: float = Field(default=0.95, gt=0, lt=1)
    """Part of the measured results that must be as promised."""
    profile: Literal["none", "neural-gpu"] = "none"
    """neural-gpu: promises for the neural engine, of what `quality` says nothing about: identity of at least
    0.85 (ArcFace), Fréchet distance under 20, PSNR over 30 dB, overlap over 0.92, a frame in under 40 ms."""
    sampled: float = Field(default=0.01, ge=0, le=1)
    """Part of the results whose quality is measured, in the worker; no pixels and no words are kept."""
