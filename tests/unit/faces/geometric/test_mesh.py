import numpy as np
import pytest

from steadfast.faces.face import Topology
from steadfast.faces.geometric.mesh import mesh_of, signed_areas

TOPOLOGIES = (Topology.IBUG_68, Topology.MEDIAPIPE_468)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_landmark_is_a_corner_of_some_triangle(topology: Topology) -> None:
    mesh = mesh_of(topology)
    assert set(range(len(mesh.layout))) == set(np.unique(mesh.triangles).tolist())


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_all_triangles_face_the_camera_and_cover_their_outline_once(topology: Topology) -> None:
    mesh = mesh_of(topology)
    areas = signed_areas(mesh.layout, mesh.triangles)
    ring = mesh.layout[-len(mesh.oval) :]
    x, y = ring.T
    hull = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(hull, rel=0.03)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_triangle_joins_upper_and_lower_lip_except_inside_the_mouth(topology: Topology) -> None:
    mesh = mesh_of(topology)
    inner, half = mesh.parts.lips_inner, len(mesh.parts.lips_inner) // 2
    upper, lower = set(inner[half + 1 :]), set(inner[1:half])
    for triangle in mesh.triangles.tolist():
        corners = set(triangle)
        if corners & upper and corners & lower:
            outer = corners & set(mesh.parts.lips_outer)
            assert not outer


def test_a_face_without_forehead_gets_one_above_its_brows() -> None:
    mesh = mesh_of(Topology.IBUG_68)
    points = mesh.layout[:68] * 0.3 + 20
    wide = mesh.widen(points.astype(np.float32))
    forehead = wide[68:79]
    brows = wide[[*mesh.parts.left_brow, *mesh.parts.right_brow]]
    assert len(wide) == len(mesh.layout)
    assert forehead[:, 1].min() < brows[:, 1].min() - 20


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_widening_moves_with_the_face(topology: Topology) -> None:
    mesh = mesh_of(topology)
    points = mesh.layout[: mesh.landmark_count]
    moved = mesh.widen(points * np.float32(0.5) + np.float32(30))
    np.testing.assert_allclose(moved, mesh.widen(points) * 0.5 + 30, atol=0.05)
