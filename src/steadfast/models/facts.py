"""The facts that the model store states."""

from dataclasses import dataclass
from pathlib import Path

from steadfast.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPulled(Event):
    """A file of a model arrived, was verified and stands under its final name."""

    model: str
    file: str
    url: str  # where it came from
    size_bytes: int
    duration_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelQuarantined(Event):
    """A file of a model was not what the catalogue says, and was moved away."""

    model: str
    file: str
    reason: str
    moved_to: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRemoved(Event):
    """A file of a model went to make room for another (`models.max_bytes`); it comes again when needed."""

    file: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MirrorFailed(Event):
    """A file could not be had from this URL; the next one is tried."""

    model: str
    file: str
    url: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LicenseAccepted(Event):
    """Somebody accepted the terms of a model."""

    model: str
    license: str
