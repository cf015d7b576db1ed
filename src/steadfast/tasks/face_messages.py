"""What the server and a worker say to each other about faces; the server imports this, so it knows no pixel.

One task serves swaps and listings: both need the same models, and a second pool would load them twice.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from steadfast.task import TaskSpec

if TYPE_CHECKING:  # workers import this too, and need no setting of the server's
    from steadfast.settings import Settings

TASK = "face_swap"
"""Its name in titles, events and `?task=`."""
VOUCHED = "vouched"
"""Key of the configuration under which a worker finds which files it need not verify again."""
_CONFIGURED = {"models", "inference", "media", "faces", "neural"}


class FaceJob(StrEnum):
    """What is asked for."""

    SWAP = "swap"  # blobs: the sources, the reference if there is one, the target
    LIST = "list"  # blobs: the picture


class PictureType(StrEnum):
    """Formats that a swapped picture can be had in."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    TIFF = "tiff"
    AVIF = "avif"
    HEIC = "heic"


CONTENT_TYPES: Mapping[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "heic": "image/heic",
    "bmp": "image/bmp",
    "gif": "image/gif",
}
"""By the name of the format."""


class FaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the task."""

    job: FaceJob
    sources: int = 0
    """How many of the blobs are source photos."""
    has_reference: bool = False
    """Whether the blob after them is a photo of the person meant."""
    faces: str = "largest"
    """Which faces of the target: `one`, `largest`, `all`, `left-to-right`, or numbers such as `0,2`."""
    min_similarity: float | None = None
    """To the reference."""
    enhance: bool = False
    """Whether each swapped face is restored by the engine's enhancer."""
    format: PictureType | None = None
    """Of the answer; None: that of the target, or JPEG where it cannot be written."""
    quality: int = 95
    """1 to 100, of lossy formats."""
    measure: bool = True
    """Whether the answer says how much the result is the source."""
    sample: bool = False
    """Whether the quality of the result is measured."""
    full: bool = False
    """Of a listing: every landmark and the embeddings too."""


class FaceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer; blob 0 is the picture, or the listing as JSON."""

    engine: str
    models: tuple[str, ...]
    format: str = "json"
    """Of blob 0."""
    width_px: int = 0
    height_px: int = 0
    faces_found: int = 0
    faces_swapped: int = 0
    identity: float | None = None
    """Similarity of the worst swapped face to its source: 1 is the same picture, about 0 a stranger."""
    seconds: dict[str, float] = {}
    """By stage."""
    notes: tuple[str, ...] = ()


def face_spec(settings: "Settings", vouched: Mapping[str, Any] | None = None) -> TaskSpec:
    """The task as the server knows it; each worker is told what is in `vouched` when it starts."""
    runtime = settings.runtime
    return TaskSpec(
        name=TASK,
        path=runtime.face_task,
        config=worker_config(settings) | {VOUCHED: {} if vouched is None else vouched},
        deadline_s=runtime.deadline_s,
        stall_s=runtime.stall_s,
        load_s=runtime.load_s,
        canary_every_s=runtime.canary_every_s,
    )


def worker_config(settings: "Settings") -> dict[str, Any]:
    """The sections that a worker needs, as plain data; none of them holds a secret."""
    return settings.model_dump(mode="json", include=_CONFIGURED)
