"""How much two faces are the same person, on one scale whatever the network."""

import numpy as np

from steadfast.errors import InvalidOption
from steadfast.faces.face import Embedding, EmbeddingSpace

SAME_PERSON = {
    EmbeddingSpace.DLIB_RESNET: 0.40,  # distance 0.6, the threshold its author gives
    EmbeddingSpace.MOBILEFACENET: 0.40,  # strangers were seen up to 0.31, one person from 0.61 on
    EmbeddingSpace.ARCFACE_W600K: 0.35,  # strangers under 0.2 (stated by its authors' verification figures)
}
"""From which similarity on two faces count as the same person."""

SURELY_SAME_PERSON = {
    EmbeddingSpace.DLIB_RESNET: 0.50,
    EmbeddingSpace.MOBILEFACENET: 0.45,
    EmbeddingSpace.ARCFACE_W600K: 0.45,
}
"""The same where nobody is asked, as when a face of a video comes back: half-way between the most alike
strangers (0.45 in dlib's space, 0.31 in MobileFaceNet's) and the least alike views of one person (0.59, 0.61)
that were seen on faces of 60 px."""


def similarity(one: Embedding, other: Embedding) -> float:
    """1 for the same picture, about 0 for strangers: the cosine, or in dlib's space 1 − distance.

    Raises InvalidOption for embeddings of two spaces: their numbers say nothing to each other.
    """
    if one.space is not other.space:
        raise InvalidOption(
            f"A face measured in {one.space} cannot be compared with one measured in {other.space}.",
            remedy="Use the same engine for both pictures.",
        )
    if one.space is EmbeddingSpace.DLIB_RESNET:
        return 1 - float(np.linalg.norm(one.vector - other.vector))
    return float(np.dot(one.vector, other.vector))


def is_same_person(one: Embedding, other: Embedding, *, threshold: float | None = None) -> bool:
    """Whether the similarity reaches the threshold, by default the one of their space."""
    return similarity(one, other) >= (SAME_PERSON[one.space] if threshold is None else threshold)
