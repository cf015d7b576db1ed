import cv2
import numpy as np
from tests.unit.faces.geometric.drawn_faces import PALE, close_mouth, draw_face, layout_points

from steadfast.faces.face import Topology
from steadfast.faces.geometric.anatomy import Anatomy
from steadfast.faces.geometric.glasses import Glasses, find_glasses
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.skin import measure_skin, to_lab
from steadfast.faces.geometric.warp import GridSize
from steadfast.media.canvas import BgrImage

TOPOLOGY = Topology.MEDIAPIPE_468
POINTS = close_mouth(layout_points(TOPOLOGY, 15, 20, 0.17), TOPOLOGY)
BARE = draw_face(POINTS, TOPOLOGY, PALE)


def anatomy() -> Anatomy:
    mesh = mesh_of(TOPOLOGY)
    return Anatomy(mesh=mesh, points=mesh.widen(POINTS), size=GridSize(width=200, height=220))


def search(image: BgrImage) -> Glasses | None:
    lab, face = to_lab(image), anatomy()
    skin = measure_skin(lab, face.core)
    assert skin is not None
    return find_glasses(lab, face, skin)


def with_glasses(image: BgrImage) -> BgrImage:
    worn = image.copy()
    for eye in (mesh_of(TOPOLOGY).parts.left_eye, mesh_of(TOPOLOGY).parts.right_eye):
        x, y = POINTS[list(eye)].mean(axis=0)
        cv2.ellipse(worn, (round(float(x)), round(float(y)) + 4), (20, 16), 0, 0, 360, (30, 40, 60), 3)
    return worn


def test_a_bare_face_wears_no_glasses() -> None:
    assert search(BARE) is None


def test_rims_are_found_all_the_way_round_both_eyes() -> None:
    worn = with_glasses(BARE)
    glasses = search(worn)
    assert glasses is not None
    rims = (worn != BARE).any(axis=2)
    assert glasses.frame[rims].mean() > 0.8
    assert glasses.frame[~rims].mean() < 0.08


def test_eyes_and_mouth_are_no_part_of_the_glasses() -> None:
    glasses = search(with_glasses(BARE))
    assert glasses is not None
    eyes = [POINTS[list(e)].mean(axis=0).round().astype(int) for e in (mesh_of(TOPOLOGY).parts.left_eye,)]
    assert all(glasses.frame[y - 3 : y + 4, x - 4 : x + 5].max() < 0.2 for x, y in eyes)


def test_glasses_on_a_face_of_few_pixels_are_not_guessed() -> None:
    mesh = mesh_of(TOPOLOGY)
    small = Anatomy(
        mesh=mesh, points=mesh.widen(POINTS) * np.float32(0.125), size=GridSize(width=25, height=28)
    )
    lab = to_lab(resize(with_glasses(BARE), 25, 28))
    skin = measure_skin(lab, np.ones((28, 25), dtype=np.float32))
    assert skin is not None
    assert find_glasses(lab, small, skin) is None
