import cv2
import numpy as np
from tests.unit.faces.geometric.test_glasses import BARE, POINTS, TOPOLOGY, anatomy

from steadfast.faces.geometric.eye_shade import lighten_eye_shade
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.geometric.skin import LabImage, to_lab
from steadfast.media.canvas import BgrImage

RED_SHADE = (20, 30, 110)


def shaded(image: BgrImage) -> BgrImage:
    """Red-brown shade around both eyes, the eyes themselves still in it."""
    worn = image.copy()
    for eye in (mesh_of(TOPOLOGY).parts.left_eye, mesh_of(TOPOLOGY).parts.right_eye):
        x, y = POINTS[list(eye)].mean(axis=0).round().astype(int)
        cv2.ellipse(worn, (int(x), int(y) + 2), (16, 8), 0, 0, 360, RED_SHADE, -1)
        cv2.circle(worn, (int(x), int(y)), 3, (12, 12, 14), -1)
    return worn


def chroma(lab: LabImage) -> float:
    return float(np.linalg.norm(lab[..., 1:], axis=-1).mean())


def test_red_shade_around_the_eyes_becomes_paler_and_lighter() -> None:
    before = shaded(BARE)
    after = lighten_eye_shade(before, anatomy())
    red = (before == RED_SHADE).all(axis=2)
    assert red.sum() > 100
    was, became = to_lab(before)[red], to_lab(after)[red]
    assert chroma(became) < 0.75 * chroma(was)
    assert became[:, 0].mean() > was[:, 0].mean() + 2


def test_pupils_in_the_shade_stay_dark() -> None:
    after = lighten_eye_shade(shaded(BARE), anatomy())
    x, y = POINTS[list(mesh_of(TOPOLOGY).parts.left_eye)].mean(axis=0).round().astype(int)
    assert after[y, x].max() < 45


def test_eyes_in_ordinary_light_keep_their_every_bit() -> None:
    assert (lighten_eye_shade(BARE, anatomy()) == BARE).all()


def test_nothing_away_from_the_eyes_changes() -> None:
    before = shaded(BARE)
    before[int(POINTS[:, 1].max()) - 12 :] = RED_SHADE
    changed = (lighten_eye_shade(before, anatomy()) != before).any(axis=2)
    assert changed.any()
    assert not changed[int(POINTS[:, 1].max()) - 12 :].any()
