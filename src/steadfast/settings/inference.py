"""Settings of what workers do: models, their runs, media, faces. Workers import no other."""

from pathlib import Path
from typing import Literal, Protocol

import platformdirs
from pydantic import Field

from steadfast.settings.values import Folder, Names, Section, Urls


class ModelSettings(Section):
    """Where model files live and come from."""

    dir: Folder = Field(default_factory=lambda: Path(platformdirs.user_data_dir("steadfast")) / "models")
    """Folder of the model files; `models` in `data_dir`, where that is set and this is not."""
    mirror: Urls = ()
    """Tried in this order before every other URL: `file://` folders or `https://` prefixes that hold the
    files by name. A model that a `file://` mirror has is fetched when it is first needed."""
    max_bytes: int = Field(default=0, ge=0)
    """Bytes that the models of the catalogue may take in `dir`; 0: no limit. Before one is fetched that does
    not fit, those go that were used longest ago, would be fetched again by themselves (from a `file://`
    mirror, or with `auto_pull = "always"`), and are in use by no process."""
    auto_pull: Literal["never", "repair", "always"] = "repair"
    """When the network may be used because a model is needed: never; repair, to replace a file that was found
    damaged; always, for missing ones too. `steadfast models pull` uses it in any case."""
    connect_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a server to answer."""
    read_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds of silence in the middle of a download after which it is broken off and resumed."""
    attempts: int = Field(default=4, ge=1)
    """Tries per URL, with growing pauses, before the next; one that brought a mebibyte or more is free."""


class InferenceSettings(Section):
    """How models are run."""

    providers: Names = ("tensorrt", "cuda", "cpu")
    """Execution providers in the order in which they are tried."""
    threads: int = Field(default=0, ge=0)
    """Threads of one session; 0: the cores this process may use, and one for graphs under 16 MB."""
    residency: Literal["strict", "moderate", "tolerant"] = "moderate"
    """strict: models are unloaded when a picture, video or request is done; moderate: all but those it used;
    tolerant: none. A run outside of any such work counts as one."""
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
    max_picture_bytes: int = Field(default=1 << 30, ge=1)
    """Bytes of one picture, which is read into memory as a whole."""
    max_duration_s: float = Field(default=24 * 3600.0, gt=0)
    """Seconds of one video; refused from the header above it."""


class FaceSettings(Section):
    """How faces are found and exchanged."""

    engine: Literal["auto", "embedded", "standard", "neural"] = "auto"
    """Which engine; auto takes the best whose models are present and valid."""
    glasses: Literal["remove", "keep"] = "remove"
    """What becomes of glasses that the target wears (embedded and standard): remove, the face becomes wholly
    the source's, who brings their own; keep, they stay in front, and with them much of who the target was."""
    distance_batch: int = Field(default=256, ge=2)
    """Sampled faces, of one worker, between which one Fréchet distance is made (`objectives.sampled`)."""


class NeuralSettings(Section):
    """How the neural engine works; of each list the first model that is present and valid is taken."""

    swappers: Names = (
        "hyperswap_1a_256",
        "hyperswap_1b_256",
        "hyperswap_1c_256",
        "inswapper_128_fp16",
        "inswapper_128",
        "hififace_unofficial_256",
    )
    """Face swappers, best first."""
    enhancers: Names = ("gpen_bfr_512", "restoreformer_plus_plus")
    """Face enhancers, best first."""
    pixel_boost_px: Literal[0, 256, 512, 1024] = 0
    """Side of the square in which a face is swapped, in tiles of the model's own side; 0: one tile."""
    feather: float = Field(default=0.15, ge=0, le=0.5)
    """Width of the soft edge of a swapped square, as a fraction of its side."""
    enhance_blend: float = Field(default=0.8, ge=0, le=1)
    """Share of the enhanced face in the result."""


class EngineSettings(Protocol):
    """What an engine of faces asks of the settings."""

    @property
    def models(self) -> ModelSettings:
        """Where model files live."""

    @property
    def faces(self) -> FaceSettings:
        """How faces are found and exchanged."""

    @property
    def neural(self) -> NeuralSettings:
        """How the neural engine works."""


class FaceWorkSettings(Section):
    """The sections that a worker of faces is given; none of them holds a secret."""

    models: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    media: MediaSettings = MediaSettings()
    faces: FaceSettings = FaceSettings()
    neural: NeuralSettings = NeuralSettings()
