"""ArcFace: who a face is, as 512 numbers."""

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput
from steadfast.faces.alignment import ARCFACE_112_V2, align_crop
from steadfast.faces.face import Embedding, EmbeddingSpace, Points
from steadfast.faces.neural.pixel_coding import SIGNED
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import ModelSession
from steadfast.media.canvas import BgrImage

INPUT_PX = 112
DIMENSIONS = 512


class ArcFaceEncoder:
    """An `IdentityEncoder` on `arcface_w600k_r50` (Deng et al., "ArcFace"); cosine, unit length."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session

    @property
    def space(self) -> EmbeddingSpace:
        """Of every answer."""
        return EmbeddingSpace.ARCFACE_W600K

    def embed(self, image: BgrImage, points5: Points) -> Embedding:
        """The embedding of the face at these five points; raises FaceTooSmall where they coincide."""
        return Embedding(space=self.space, vector=unit_length(self.measure(image, points5)))

    def measure(self, image: BgrImage, points5: Points) -> NDArray[np.float32]:
        """The network's own answer, 512, whose length some swappers' converters were trained with."""
        crop, _ = align_crop(image, points5, ARCFACE_112_V2, INPUT_PX)
        answer = self._session.run({self._session.input_names[0]: SIGNED.encode_one(crop)})
        name, value = next(iter(answer.items()))
        vector = require_shape(value, (1, DIMENSIONS), model=self._session.name, output=name)[0]
        return np.asarray(vector, dtype=np.float32)


def unit_length(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1. Raises InvalidModelOutput where it has none."""
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise InvalidModelOutput("The identity model answered a vector without length.")
    return (vector / length).astype(np.float32)
