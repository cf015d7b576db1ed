"""Restoring the detail of a face: GPEN, RestoreFormer++."""

from collections.abc import Sequence

from steadfast.faces.alignment import FFHQ_512, align_crop
from steadfast.faces.face import Face
from steadfast.faces.neural.pasting import feathered_square, paste
from steadfast.faces.neural.pixel_coding import SIGNED
from steadfast.faces.neural.visibility import seen_by_all
from steadfast.faces.roles import Occluder, Patch
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import ModelSession
from steadfast.media.canvas import BgrImage

INPUT_PX = 512
_FEATHER = 0.15  # of the side


class FaceRestorer:
    """An `Enhancer` on `gpen_bfr_512` (Yang et al., "GAN Prior Embedded Network") or
    `restoreformer_plus_plus` (Wang et al., "RestoreFormer++"), which share one contract."""

    def __init__(self, session: ModelSession, *, blend: float = 0.8, masks: Sequence[Occluder] = ()) -> None:
        """`blend` is the share of the restored face in the result, 0–1."""
        self._session = session
        self._blend = blend
        self._masks = tuple(masks)

    def enhance(self, region: BgrImage, face: Face) -> Patch:
        """The region with the face restored; what lies before the face stays as it is."""
        crop, matrix = align_crop(region, face.points5, FFHQ_512, INPUT_PX)
        answer = self._session.run({self._session.input_names[0]: SIGNED.encode_one(crop)})
        name, value = next(iter(answer.items()))
        planes = require_shape(value, (1, 3, INPUT_PX, INPUT_PX), model=self._session.name, output=name)
        mask = feathered_square(INPUT_PX, _FEATHER)
        seen = seen_by_all(self._masks, region, face)
        return paste(region, SIGNED.decode(planes)[0], mask, matrix, seen=seen, opacity=self._blend)
