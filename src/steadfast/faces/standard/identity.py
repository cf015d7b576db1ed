"""MobileFaceNet: who a face is, as 128 numbers."""

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput
from steadfast.faces.alignment import ARCFACE_112_V2, align_crop
from steadfast.faces.face import Embedding, EmbeddingSpace, Points
from steadfast.inference.sessions import ModelSession
from steadfast.media.canvas import BgrImage

INPUT_PX = 112


class MobileFaceNetEncoder:
    """An `IdentityEncoder` on `mobilefacenet.onnx` (Chen et al., "MobileFaceNets"); cosine, unit length."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session

    @property
    def space(self) -> EmbeddingSpace:
        """Of every answer."""
        return EmbeddingSpace.MOBILEFACENET

    def embed(self, image: BgrImage, points5: Points) -> Embedding:
        """The embedding of the face at these five points; raises FaceTooSmall where they coincide."""
        crop, _ = align_crop(image, points5, ARCFACE_112_V2, INPUT_PX)
        vector = self._session.run({"input": network_input(crop)})["output"].reshape(-1).astype(np.float32)
        length = float(np.linalg.norm(vector))
        if length == 0:
            raise InvalidModelOutput("The identity model answered nothing but zeros.")
        return Embedding(space=EmbeddingSpace.MOBILEFACENET, vector=vector / np.float32(length))


def network_input(crop: BgrImage) -> NDArray[np.float32]:
    """1 × 3 × 112 × 112, RGB, (x / 255 − 0.5) / 0.5."""
    scaled = crop[..., ::-1].astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
