"""The roles an engine fills, each behind a small contract.

    detector    where faces are
    landmarker  the dense points of one face
    identity    a face as a vector
    swapper     a source's face in the place of a target's
    enhancer    a face made sharper (optional)
    occluder    which pixels lie in front of a face (optional)

Everything takes BGR uint8 regions and answers in the region's own pixels. Implementations are safe to call
from several threads unless they say otherwise; state that belongs to one face of one video lives in the
`SwapMemory` its caller keeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from steadfast.faces.face import Detection, Embedding, EmbeddingSpace, Face, Landmarks, Points, Topology
from steadfast.media.canvas import BgrImage, GreyImage


class EngineName(StrEnum):
    """The engines, best last."""

    EMBEDDED = "embedded"
    STANDARD = "standard"
    NEURAL = "neural"


class ModelSource(Protocol):
    """Where model files come from; the model store fills it."""

    def require(self, name: str) -> Path:
        """The verified file of a model; raises ModelMissing, ModelDamaged or LicenseNotAccepted."""
        ...


class Detector(Protocol):
    """Finds faces."""

    def detect(self, image: BgrImage) -> list[Detection]:
        """All faces of the image, best score first."""
        ...


class Landmarker(Protocol):
    """Finds the dense points of one face."""

    @property
    def topology(self) -> Topology:
        """Of every answer."""
        ...

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        """The points of the face at `hint` (a detection, or this face a frame ago); None if none is there."""
        ...


class IdentityEncoder(Protocol):
    """Describes who a face is."""

    @property
    def space(self) -> EmbeddingSpace:
        """Of every answer."""
        ...

    def embed(self, image: BgrImage, points5: Points) -> Embedding:
        """The embedding of the face at these five points."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePhoto:
    """One picture of the person whose face is given."""

    image: BgrImage
    face: Face  # in the pixels of `image`, with an embedding


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceIdentity:
    """A person ready to be given to a swapper; made by `Swapper.prepare`, opaque to everyone else."""

    embedding: Embedding  # mean over the photos
    photos_used: int


class SwapMemory:
    """What a swapper remembers of one target face between frames; opaque, owned by one track."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """A region with the face exchanged."""

    pixels: BgrImage  # already composed: equal to the region wherever `mask` is 0
    mask: GreyImage  # 0 where the region is untouched


class Swapper(Protocol):
    """Puts a source's face in the place of a target's."""

    @property
    def is_generative(self) -> bool:
        """Whether a trained generator makes the pixels (what the provenance mark says)."""
        ...

    @property
    def margin(self) -> float:
        """How large a region it needs, as a multiple of the sides of the face's box."""
        ...

    def prepare(self, photos: Sequence[SourcePhoto]) -> SourceIdentity:
        """One identity from one or more photos of a person."""
        ...

    def remember(self) -> SwapMemory:
        """Fresh memory for one track of a video."""
        ...

    def render(
        self, region: BgrImage, face: Face, source: SourceIdentity, memory: SwapMemory | None = None
    ) -> Patch:
        """The region with `face` (in the region's pixels) exchanged; no memory for a single picture."""
        ...


class Enhancer(Protocol):
    """Restores detail of a face."""

    def enhance(self, region: BgrImage, face: Face) -> Patch:
        """The region with the face restored."""
        ...


class Occluder(Protocol):
    """Says what lies in front of a face."""

    def visible(self, region: BgrImage, face: Face) -> GreyImage:
        """255 where the face is seen, 0 where a hand, hair or hat covers it; size of the region."""
        ...


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One set of roles that work together."""

    name: EngineName
    detector: Detector
    landmarker: Landmarker
    identity: IdentityEncoder
    swapper: Swapper
    enhancer: Enhancer | None = None
    occluder: Occluder | None = None
    models: tuple[str, ...] = ()  # names of the models that fill the roles, for every result
    notes: tuple[str, ...] = field(default=())  # why this engine and not a better one
