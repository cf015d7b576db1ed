from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.unit.faces.geometric.drawn_faces import face_at, layout_points

from steadfast.faces.face import Landmarks, Points, Topology
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.geometric.proportions import give_proportions

TOPOLOGIES = (Topology.IBUG_68, Topology.MEDIAPIPE_468)


def landmarks(topology: Topology, points: Points | None = None) -> Landmarks:
    return face_at(layout_points(topology, 0, 0, 0.3) if points is None else points, topology).landmarks


def with_nose_lowered(topology: Topology) -> Landmarks:
    points = layout_points(topology, 0, 0, 0.3)
    parts = mesh_of(topology).parts
    points[[*parts.nose_base, parts.nose_tip]] += np.array((0, 6), dtype=np.float32)
    return landmarks(topology, points)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_face_of_the_same_proportions_is_left_alone(topology: Topology) -> None:
    target = landmarks(topology)
    larger = replace(target, points=target.points * np.float32(1.7) + np.float32(40))
    assert_allclose(give_proportions(target, larger, 1.0), target.points, atol=0.05)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_longer_nose_comes_along(topology: Topology) -> None:
    target = landmarks(topology)
    moved = give_proportions(target, with_nose_lowered(topology), 1.0) - target.points
    assert moved[mesh_of(topology).parts.nose_tip, 1] > 2


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_outline_and_lips_never_move(topology: Topology) -> None:
    target, parts = landmarks(topology), mesh_of(topology).parts
    source = landmarks(topology, target.points * np.array((0.8, 1.1), dtype=np.float32))
    moved = give_proportions(target, source, 1.0)
    still = [*parts.oval, *parts.lips_inner, *parts.lips_outer]
    assert_allclose(moved[still], target.points[still], atol=1e-4)


def test_a_blink_stays_the_targets() -> None:
    topology = Topology.MEDIAPIPE_468
    source, parts = landmarks(topology), mesh_of(topology).parts
    shut = source.points.copy()
    shut[list(parts.left_eye), 1] = shut[list(parts.left_eye), 1].mean()
    moved = give_proportions(landmarks(topology, shut), source, 1.0)
    assert np.ptp(moved[list(parts.left_eye), 1]) < 0.2


def test_a_head_turned_too_far_from_the_source_keeps_its_own_shape() -> None:
    topology = Topology.MEDIAPIPE_468
    target = landmarks(topology)
    angle = np.radians(70)
    depth = (target.points[:, 0] - target.points[:, 0].mean()) * np.float32(np.sin(angle))
    points = with_nose_lowered(topology).points * np.array((np.cos(angle), 1), dtype=np.float32)
    turned = Landmarks(topology=topology, points=points, depth=depth, presence=1.0)
    assert_allclose(give_proportions(target, turned, 1.0), target.points, atol=1e-3)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_identical_points_do_not_break_it(topology: Topology) -> None:
    flat = landmarks(topology, np.full_like(layout_points(topology, 0, 0, 0.3), 7))
    assert np.isfinite(give_proportions(flat, landmarks(topology), 1.0)).all()
    assert np.isfinite(give_proportions(landmarks(topology), flat, 1.0)).all()
