"""The average face is symmetric and looks straight into the camera."""

import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.faces.canonical import canonical_face, fit_camera, forehead_points
from steadfast.faces.face import Landmarks, Topology
from steadfast.faces.topology import FOREHEAD_OVAL

Matrix = NDArray[np.float64]


@pytest.mark.parametrize(
    ("topology", "count"), [(Topology.IBUG_68, 68), (Topology.MEDIAPIPE_468, 468)], ids=str
)
def test_it_has_every_point_of_its_topology_and_is_its_own_mirror_image(
    topology: Topology, count: int
) -> None:
    face = canonical_face(topology)
    assert face.points.shape == (count, 3)
    assert sorted(face.mirror.tolist()) == list(range(count))
    np.testing.assert_allclose(face.points[face.mirror] * (-1, 1, 1), face.points, atol=2e-4)


def test_forehead_and_chin_are_equally_near_and_the_nose_is_nearest() -> None:
    points = canonical_face(Topology.MEDIAPIPE_468).points
    assert points[10, 2] == pytest.approx(points[152, 2], abs=1e-3)
    assert points[4, 2] == pytest.approx(points[:, 2].min(), abs=0.01)


def test_its_arrays_cannot_be_changed_by_who_reads_them() -> None:
    with pytest.raises(ValueError, match="read-only"):
        canonical_face(Topology.IBUG_68).points[0] = 0


def seen(topology: Topology, camera: Matrix, shift: Matrix) -> Landmarks:
    points = (canonical_face(topology).points @ camera.T + shift).astype(np.float32)
    return Landmarks(topology=topology, points=points, depth=None, presence=1.0)


def test_the_camera_that_made_a_picture_is_found_again() -> None:
    camera = np.array([[90.0, -20.0, 15.0], [18.0, 95.0, -8.0]])
    found, shift = fit_camera(seen(Topology.IBUG_68, camera, np.array([300.0, 200.0])))
    np.testing.assert_allclose(found, camera, atol=1e-3)
    np.testing.assert_allclose(shift, [300, 200], atol=1e-3)


def test_a_forehead_is_given_to_points_that_have_none() -> None:
    camera, shift = np.array([[100.0, -30.0, 20.0], [30.0, 100.0, 0.0]]), np.array([50.0, 80.0])
    given = forehead_points(seen(Topology.IBUG_68, camera, shift))
    true = seen(Topology.MEDIAPIPE_468, camera, shift).points[list(FOREHEAD_OVAL)]
    np.testing.assert_allclose(given, true, atol=0.05)


def test_the_mesh_keeps_its_own_forehead() -> None:
    mesh = seen(Topology.MEDIAPIPE_468, np.eye(2, 3) * 100, np.zeros(2))
    assert forehead_points(mesh).tolist() == mesh.points[list(FOREHEAD_OVAL)].tolist()
