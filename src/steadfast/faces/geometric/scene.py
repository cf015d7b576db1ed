"""What surrounds the target face: its pixels at full size and on the grid, and the colour of its skin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.crop import FaceCrop
from steadfast.faces.geometric.drawing import Drawing
from steadfast.faces.geometric.glasses import Glasses
from steadfast.faces.geometric.glasses_removal import take_off
from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.skin import LabImage, SkinColour, measure_skin, to_lab
from steadfast.media.canvas import BgrImage


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

    def without_glasses(self, glasses: Glasses, crop: FaceCrop) -> "Scene":
        """The scene with the whole frame rebuilt from its surroundings."""
        assert self.skin is not None  # none are found without
        pixels, touched = take_off(glasses, self.pixels, self.skin)
        small = resize(pixels, crop.grid.width, crop.grid.height)
        return Scene(
            pixels=pixels, small=small, lab=to_lab(small), skin=self.skin, altered=self.altered | touched
        )
