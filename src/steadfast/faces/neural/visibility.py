"""What of a face may be exchanged: not what lies before it (XSeg), nor what is no face (BiSeNet)."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.alignment import ARCFACE_128, FFHQ_512, align_crop
from steadfast.faces.face import Face
from steadfast.faces.neural.pasting import place_mask
from steadfast.faces.neural.pixel_coding import IMAGENET
from steadfast.faces.roles import Occluder
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import ModelSession
from steadfast.media.canvas import BgrImage, GreyImage

XSEG_PX = 256
BISENET_PX = 512
BISENET_CLASSES = 19

# Of the 19 classes of CelebAMask-HQ: skin, brows, eyes, glasses, nose, mouth, upper and lower lip. Not among
# them: background, ears, ear rings, neck, necklace, cloth, hair, hat.
FACE_CLASSES = (1, 2, 3, 4, 5, 6, 10, 11, 12, 13)

_SOFTEN = 5 / 256  # standard deviation of the edge's blur, as a fraction of the crop's side


class XSegOccluder:
    """An `Occluder` on `xseg_3` (Perov et al., "DeepFaceLab"): 255 where the face is seen."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session

    def visible(self, region: BgrImage, face: Face) -> GreyImage:
        """255 where the face is seen, 0 where something covers it or no face is; size of the region."""
        crop, matrix = align_crop(region, face.points5, ARCFACE_128, XSEG_PX)
        pixels = crop[None].astype(np.float32) / np.float32(255)  # BGR and channels last, unlike the others
        answer = self._session.run({self._session.input_names[0]: pixels})
        name, value = next(iter(answer.items()))
        seen = require_shape(value, (1, XSEG_PX, XSEG_PX, 1), model=self._session.name, output=name)
        return place_mask(soften_inwards(seen[0, :, :, 0]), matrix, region.shape[:2])


class BiSeNetRegions:
    """An `Occluder` on `bisenet_resnet_34` (Yu et al., "BiSeNet"): 255 where the picture shows face."""

    def __init__(self, session: ModelSession, *, classes: tuple[int, ...] = FACE_CLASSES) -> None:
        self._session = session
        self._classes = classes

    def visible(self, region: BgrImage, face: Face) -> GreyImage:
        """255 on skin and features, 0 on hair, hat, neck and background; size of the region."""
        crop, matrix = align_crop(region, face.points5, FFHQ_512, BISENET_PX)
        answer = self._session.run({self._session.input_names[0]: IMAGENET.encode_one(crop)})
        name, value = next(iter(answer.items()))
        shape = (1, BISENET_CLASSES, BISENET_PX, BISENET_PX)
        scores = require_shape(value, shape, model=self._session.name, output=name)
        is_face = np.isin(scores[0].argmax(axis=0), self._classes)
        return place_mask(soften_inwards(is_face.astype(np.float32)), matrix, region.shape[:2])


def soften_inwards(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mask (side × side, 0–1) with a soft edge that begins at the old edge and lies inside it."""
    sigma = _SOFTEN * mask.shape[0]
    blurred = cv2.GaussianBlur(np.clip(mask, 0, 1), (0, 0), sigma)
    return np.asarray(np.clip(blurred * 2 - 1, 0, 1), dtype=np.float32)


def seen_by_all(masks: Sequence[Occluder], region: BgrImage, face: Face) -> GreyImage | None:
    """What every mask leaves of the face, 0–255; None where there is no mask."""
    seen: GreyImage | None = None
    for mask in masks:
        visible = mask.visible(region, face)
        seen = visible if seen is None else np.minimum(seen, visible)
    return seen
