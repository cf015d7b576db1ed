"""What of a target's face is seen: skin and features, but not hair, hats, glasses or hands in front."""

from dataclasses import dataclass

import cv2
import numpy as np

from steadfast.faces.geometric.anatomy import Anatomy
from steadfast.faces.geometric.skin import LabImage, SkinColour, skin_likeness
from steadfast.faces.geometric.zones import Weights, grow_outwards, shrink_inwards, soften

_SKIN_AT_LEAST = 0.35  # likeness
_BRIDGE = 0.03  # of the face's width: shadows thinner than this join nothing


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Visibility:
    """One target face on the grid."""

    seen: Weights  # 1 where the face may be exchanged
    skin: Weights  # 1 where it is bare skin: what tone is measured on

    def behind(self, cover: Weights) -> "Visibility":
        """The same with something in front, 1 where it covers."""
        free = np.asarray(1 - cover, dtype=np.float32)
        return Visibility(seen=self.seen * free, skin=self.skin * free)


def see_target(lab: LabImage, face: Anatomy, skin: SkinColour | None) -> Visibility:
    """What colour alone tells: skin everywhere, and anything between brows and chin that no hair reaches."""
    if skin is None:
        return Visibility(seen=np.ones(lab.shape[:2], dtype=np.float32), skin=face.core)
    likeness = soften(skin_likeness(lab, skin), face.width * 0.01)
    inside = np.maximum(face.trusted, likeness) * (1 - reaching_in(likeness, face))
    seen = soften(np.asarray(inside, dtype=np.float32), face.width * 0.01)
    wide = shrink_inwards(face.oval, face.width * 0.06)
    bare = wide * likeness * seen * (1 - face.features)
    return Visibility(seen=seen, skin=np.maximum(bare, face.core * likeness))


def reaching_in(likeness: Weights, face: Anatomy) -> Weights:
    """1 on what is not skin and comes in from outside the face: hair, a hat, a collar, a microphone."""
    outside = face.oval < 0.5
    protected = np.maximum(face.features, face.nostrils) > 0.5
    strange = ((likeness < _SKIN_AT_LEAST) & ~protected) | outside
    # Opening cuts the thin bridges of shadow that join a brow or a wrinkle to the hair.
    opened = shrink_inwards(strange.astype(np.uint8), face.width * _BRIDGE)
    _, labels = cv2.connectedComponents(opened, connectivity=4)
    found = np.asarray(labels)
    entering = np.zeros(int(found.max()) + 1, dtype=np.float32)
    entering[found[outside & (opened > 0)]] = 1
    entering[0] = 0
    return grow_outwards(entering[found], face.width * _BRIDGE * 1.2) * face.oval
