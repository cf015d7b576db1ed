import numpy as np
import pytest
from tests.unit.faces.geometric.drawn_faces import layout_points

from steadfast.faces.face import Topology
from steadfast.faces.geometric.anatomy import Anatomy
from steadfast.faces.geometric.memory import GeometricMemory
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.geometric.skin import LabImage
from steadfast.faces.geometric.tone import Contrast
from steadfast.faces.geometric.warp import GridSize, rasterise
from steadfast.faces.geometric.zones import Weights

TOPOLOGY = Topology.MEDIAPIPE_468
MESH = mesh_of(TOPOLOGY)
SIZE = GridSize(width=100, height=110)
FACE = Anatomy(mesh=MESH, points=MESH.widen(layout_points(TOPOLOGY, 5, 5, 0.09)), size=SIZE)
IDS = rasterise(FACE.points, MESH.triangles, SIZE, None)
CHIN = int(FACE.points[152, 1])


def skin(level: float = 70.0) -> LabImage:
    noise = np.random.default_rng(0).normal(0, 0.5, (SIZE.height, SIZE.width, 3))
    return np.asarray(np.array([level, 12, 15]) + noise, dtype=np.float32)


def seen(memory: GeometricMemory, lab: LabImage) -> Weights:
    return memory.covered(lab, FACE, TOPOLOGY, IDS)


def used(frames: int = 10) -> GeometricMemory:
    memory = GeometricMemory()
    for _ in range(frames):
        seen(memory, skin())
    return memory


def with_hand(lab: LabImage) -> LabImage:
    hand = lab.copy()
    hand[CHIN - 12 :, 35:65] += (-14, 6, 4)
    return hand


def test_a_face_that_stands_still_is_never_covered() -> None:
    assert seen(used(), skin()).max() == 0


def test_what_comes_in_over_the_outline_covers_the_face_where_it_is() -> None:
    cover = seen(used(), with_hand(skin()))
    assert cover[CHIN - 10 : CHIN - 2, 40:60].min() > 0.8
    assert cover[: CHIN - 25].max() < 0.05


def test_a_hand_that_stays_for_seconds_is_not_absorbed() -> None:
    memory = used()
    for _ in range(100):
        cover = seen(memory, with_hand(skin()))
    assert cover[CHIN - 10 : CHIN - 2, 40:60].min() > 0.8


def test_a_change_that_never_ends_was_a_wrong_memory() -> None:
    memory = used()
    for _ in range(170):
        cover = seen(memory, with_hand(skin()))
    assert cover.max() < 0.1


def test_cover_fades_within_frames_when_the_hand_is_gone() -> None:
    memory = used()
    seen(memory, with_hand(skin()))
    covers = [float(seen(memory, skin()).max()) for _ in range(8)]
    assert covers == sorted(covers, reverse=True)
    assert covers[-1] < 0.05


def test_a_mouth_that_opens_is_no_hand() -> None:
    talking = skin()
    x, y = FACE.points[[61, 291]].mean(axis=0).astype(int)
    talking[y - 2 : y + 4, x - 5 : x + 6] = (20, 10, 5)
    assert seen(used(), talking).max() == 0


def test_a_lamp_that_is_switched_on_is_no_hand() -> None:
    assert seen(used(), skin(85)).max() == 0


def test_another_face_in_its_place_starts_the_memory_anew() -> None:
    memory = used()
    other = skin()
    other[:, ::7] += (-30, 10, -20)
    other[::5] += (25, -10, 20)
    seen(memory, other)
    assert seen(memory, other).max() == 0


def test_contrast_settles_instead_of_jumping() -> None:
    memory = GeometricMemory()
    first = memory.settle(Contrast(coarse=1, fine=1, colour=1))
    second = memory.settle(Contrast(coarse=0, fine=0, colour=0))
    assert first.coarse == 1
    assert second.coarse == pytest.approx(0.85, abs=0.02)


def test_glasses_are_looked_for_at_first_and_then_only_on_those_who_wear_them() -> None:
    bare, wearer = used(1), used(1)
    for _ in range(6):
        bare.vote_on_glasses(found=False)
        wearer.vote_on_glasses(found=True)
    assert GeometricMemory().looks_for_glasses
    assert wearer.looks_for_glasses
    assert not bare.looks_for_glasses
