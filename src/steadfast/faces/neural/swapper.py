"""The swap by a trained generator: aligned crop, network, soft paste."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import NoFace
from steadfast.faces.alignment import align_crop
from steadfast.faces.face import Embedding, EmbeddingSpace, Face
from steadfast.faces.neural import pixel_boost
from steadfast.faces.neural.identity import ArcFaceEncoder, unit_length
from steadfast.faces.neural.pasting import feathered_square, paste
from steadfast.faces.neural.pixel_coding import BgrBatch
from steadfast.faces.neural.source_vector import SourceVector, mean_measure
from steadfast.faces.neural.swap_models import SwapModel
from steadfast.faces.neural.tile_batches import TileBatches
from steadfast.faces.neural.visibility import seen_by_all
from steadfast.faces.roles import Occluder, Patch, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import ModelSession, Tensor
from steadfast.media.canvas import BgrImage

_MARGIN = 2.2  # the widest template reaches 2.1 × the eyes' distance around them, also on a tilted head


@dataclass(frozen=True, kw_only=True, slots=True)
class NeuralIdentity(SourceIdentity):
    """A person as one swapper wants it."""

    vector: NDArray[np.float32]  # 512, what the network is fed


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapOptions:
    """What the user may choose."""

    pixel_boost_px: int = 0  # side of the swapped square; 0: the model's own
    feather: float = 0.15  # width of its soft edge, as a fraction of the side


class NeuralSwapper:
    """A `Swapper` on any of `SWAP_MODELS`."""

    def __init__(
        self,
        model: SwapModel,
        session: ModelSession,
        identity: ArcFaceEncoder,
        source_vector: SourceVector,
        *,
        masks: Sequence[Occluder] = (),
        options: SwapOptions | None = None,
    ) -> None:
        """`masks` say which pixels of the target may change (occlusion, face regions)."""
        self._model = model
        self._batches = TileBatches(session)
        self._identity = identity
        self._source_vector = source_vector
        self._masks = tuple(masks)
        self._options = options or SwapOptions()
        self._tiles = pixel_boost.tiles_per_side(self._options.pixel_boost_px, model.size_px)

    @property
    def is_generative(self) -> bool:
        """A trained generator makes the pixels."""
        return True

    @property
    def margin(self) -> float:
        """How large a region it needs, as a multiple of the sides of the face's box."""
        return _MARGIN

    def prepare(self, photos: Sequence[SourcePhoto]) -> NeuralIdentity:
        """One identity: the mean of the photos' ArcFace embeddings, turned into what the network is fed."""
        if not photos:
            raise NoFace("No source photo with a face was given.")
        measures = [self._identity.measure(photo.image, photo.face.points5) for photo in photos]
        mean = mean_measure(measures)
        embedding = Embedding(space=EmbeddingSpace.ARCFACE_W600K, vector=unit_length(mean))
        return NeuralIdentity(embedding=embedding, photos_used=len(photos), vector=self._source_vector(mean))

    def remember(self) -> SwapMemory:
        """Nothing is remembered between frames."""
        return SwapMemory()

    def render(
        self,
        region: BgrImage,
        face: Face,
        source: SourceIdentity,
        memory: SwapMemory | None = None,  # noqa: ARG002 — each frame stands alone
    ) -> Patch:
        """The region with the face exchanged.

        Shown of the network's square is what a soft edge, the network's own mask if it makes one, and the
        masks of the target leave.
        """
        assert isinstance(source, NeuralIdentity), "the identity was prepared by another swapper"
        side = self._model.size_px * self._tiles
        crop, matrix = align_crop(region, face.points5, self._model.template, side)
        faces, masks = self._swap(pixel_boost.split(crop, self._tiles), source.vector)
        mask = feathered_square(side, self._options.feather)
        if masks is not None:
            mask = mask * pixel_boost.join(masks, self._tiles)[:, :, 0]
        swapped = pixel_boost.join(faces, self._tiles)
        seen = seen_by_all(self._masks, region, face)
        return paste(region, swapped, mask, matrix, seen=seen)

    def _swap(
        self, crops: BgrBatch, vector: NDArray[np.float32]
    ) -> tuple[BgrBatch, NDArray[np.float32] | None]:
        """The crops with the face exchanged; the network's masks (N × side × side × 1) if it makes any."""
        outputs = self._batches.run(self._model.coding.encode(crops), vector)
        count, side = len(crops), self._model.size_px
        picture = outputs.get("output")
        if picture is None:
            picture = next(v for v in outputs.values() if v.ndim == 4 and v.shape[1] == 3)
        shape = (count, 3, side, side)
        swapped = self._model.coding.decode(
            require_shape(picture, shape, model=self._model.name, output="output")
        )
        return swapped, self._masks_of(outputs, count)

    def _masks_of(self, outputs: dict[str, Tensor], count: int) -> NDArray[np.float32] | None:
        if "mask" not in outputs:
            return None
        shape = (count, 1, self._model.size_px, self._model.size_px)
        planes = require_shape(outputs["mask"], shape, model=self._model.name, output="mask")
        return np.clip(planes.transpose(0, 2, 3, 1), 0, 1)
