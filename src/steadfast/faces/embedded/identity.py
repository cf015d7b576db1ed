"""dlib's ResNet: who a face is, as 128 numbers compared by their Euclidean distance."""

from pathlib import Path
from threading import Lock

import numpy as np

from steadfast.faces.alignment import AlignmentTemplate, align_crop
from steadfast.faces.embedded.dlib_runtime import as_rgb, load_model
from steadfast.faces.face import Embedding, EmbeddingSpace, Points
from steadfast.inference.outputs import require_finite
from steadfast.media.canvas import BgrImage

INPUT_PX = 150

# Where dlib's own alignment (get_face_chip with 25 % padding, by 68 points) puts the five points: the mean
# over 30 pictures of four people, made symmetric. The embeddings of either alignment lie within 0.2.
DLIB_CHIP = AlignmentTemplate(
    name="dlib_chip_150",
    fractions=((0.3125, 0.3194), (0.6875, 0.3194), (0.5, 0.4747), (0.3417, 0.6891), (0.6583, 0.6891)),
)


class ResNetEncoder:
    """An `IdentityEncoder` on dlib's face recognition model: under a distance of 0.6 is the same person."""

    def __init__(self, path: Path) -> None:
        self._network = load_model("face_recognition_model_v1", path)
        self._lock = Lock()  # the network keeps its activations inside the object

    @property
    def space(self) -> EmbeddingSpace:
        """Of every answer."""
        return EmbeddingSpace.DLIB_RESNET

    def embed(self, image: BgrImage, points5: Points) -> Embedding:
        """The embedding of the face at these five points; raises FaceTooSmall where they coincide."""
        chip, _ = align_crop(image, points5, DLIB_CHIP, INPUT_PX)
        with self._lock:
            answer = self._network.compute_face_descriptor(as_rgb(chip))
        vector = np.array(answer, dtype=np.float32)
        require_finite(vector, model="dlib_resnet", output="descriptor")
        return Embedding(space=EmbeddingSpace.DLIB_RESNET, vector=vector)
