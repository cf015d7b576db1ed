"""All configuration: one TOML file and STEADFAST_* variables, read once, passed on as small objects.

`STEADFAST_MODELS__DIR=/models` sets `models.dir`; two underscores part the section from the field. A variable
wins over the file, the file over the default.
"""

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Section(BaseModel):
    """Base of the sections: unknown fields are refused, values do not change after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelSettings(Section):
    """Where model files live and come from."""

    dir: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("steadfast")) / "models")
    """Folder of the model files."""
    mirror: str = ""
    """Tried before every other URL: a `file://` folder or `https://` prefix that holds the files by name."""


class InferenceSettings(Section):
    """How models are run."""

    providers: tuple[str, ...] = ("tensorrt", "cuda", "cpu")
    """Execution providers in the order in which they are tried."""
    threads: int = Field(default=0, ge=0)
    """Threads of one session; 0: the cores this process may use."""
    residency: Literal["strict", "moderate", "tolerant"] = "moderate"
    """strict: models are unloaded after each run; moderate: all but the last engine's; tolerant: never."""
    memory_limit: int = Field(default=0, ge=0)
    """Bytes of host memory the models may take; 0: no limit."""
    gpu_memory_limit: int = Field(default=0, ge=0)
    """Bytes of device memory per session's arena; 0: no limit."""


class MediaSettings(Section):
    """Limits on what is read."""

    max_pixels: int = Field(default=100_000_000, ge=1)
    """Pixels of one picture or frame; refused from the header above it."""
    max_bytes: int = Field(default=8 << 30, ge=1)
    """Bytes of one input file."""


class FaceSettings(Section):
    """How faces are found and exchanged."""

    engine: Literal["auto", "embedded", "standard", "neural"] = "auto"
    """Which engine; auto takes the best whose models are present and valid."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="STEADFAST_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    models: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    media: MediaSettings = MediaSettings()
    faces: FaceSettings = FaceSettings()
