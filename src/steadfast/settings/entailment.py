"""Settings of visual entailment; workers of that task import no others but those of `inference`."""

from typing import Literal

from pydantic import Field

from steadfast.settings.inference import InferenceSettings, MediaSettings, ModelSettings
from steadfast.settings.values import OptionalPath, Section


class EntailmentSettings(Section):
    """How sentences are held against pictures."""

    enabled: bool = True
    """Whether `/v1/entail` is served; its worker and its spares take 60 MB each with the embedded model."""
    backend: Literal["embedded", "ofa", "vlm"] = "embedded"
    """Which model answers: embedded knows coloured shapes and comes with this program; ofa is what
    `steadfast models convert ofa` made; vlm a `transformers` folder (extra `vlm`; not calibrated)."""
    model_dir: OptionalPath = None
    """Folder of the model of ofa or vlm."""
    precision: Literal["fp32", "int8"] = "fp32"
    """Of ofa: int8 takes less than half the memory and about 0.6 of the time; how much accuracy it costs is
    not known."""
    on_failure: Literal["error", "maybe"] = "error"
    """What a request is answered when the service fails at it: an error, or `maybe` with a `reason`, which is
    counted apart."""
    workers: int = Field(default=1, ge=0)
    """Workers of this task; 0: as `runtime.workers`."""
    max_batch: int = Field(default=16, ge=1, le=256)
    """Questions that one worker answers together, where several wait."""
    canary_every_s: float = Field(default=0.0, ge=0)
    """Seconds of idleness after which a canary is due; 0: `runtime.canary_every_s`, for a converted model ten
    times that, as its canary takes seconds."""


class EntailmentWorkSettings(Section):
    """The sections that a worker of this task is given; none of them holds a secret."""

    models: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    media: MediaSettings = MediaSettings()
    entailment: EntailmentSettings = EntailmentSettings()
