"""What surrounds the target face: its pixels at full size and on the grid, and the colour of its skin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.drawing import Drawing
from steadfast.faces.geometric.glasses import Glasses, take_off
from steadfast.faces.geometric.skin import LabImage, SkinColour, measure_skin, skin_likeness, to_lab
from steadfast.media.canvas import BgrImage

_SHADOW = 12.0  # L*


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """The target in the crop of one drawing."""

    pixels: BgrImage  # the crop at full size
    small: BgrImage  # the crop on the grid
    lab: LabImage  # of `small`
    skin: SkinColour | None  # None where the cheeks have too few pixels to tell
    altered: NDArray[np.bool_]  # where `pixels` is no longer the target's own

    @staticmethod
    def of(drawing: Drawing, region: BgrImage) -> "Scene":
        """The scene as it is."""
        pixels = drawing.crop.cut(region)
        small = drawing.crop.shrink(pixels)
        lab = to_lab(small)
        skin = measure_skin(lab, drawing.face.core)
        altered = np.zeros(pixels.shape[:2], dtype=np.bool_)
        return Scene(pixels=pixels, small=small, lab=lab, skin=skin, altered=altered)

    def without_glasses(self, glasses: Glasses) -> "Scene":
        """The scene with the whole frame painted over from its surroundings."""
        assert self.skin is not None
        # Frames throw shadows: only skin as bright as the cheeks may show what is under them.
        lit = np.clip((self.lab[..., 0] - self.skin.centre[0] + _SHADOW) / _SHADOW, 0, 1)
        seeds = np.asarray(skin_likeness(self.lab, self.skin) * lit, dtype=np.float32)
        pixels, small = take_off(glasses, self.pixels, self.small, seeds)
        altered = self.altered | (pixels != self.pixels).any(axis=2)
        return Scene(pixels=pixels, small=small, lab=to_lab(small), skin=self.skin, altered=altered)
