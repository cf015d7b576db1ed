"""The named parts of a face are where they should be, on both topologies."""

import numpy as np
import pytest

from steadfast.faces.canonical import canonical_face
from steadfast.faces.face import Landmarks, Topology
from steadfast.faces.topology import FOREHEAD_OVAL, IBUG_TO_MEDIAPIPE, PARTS, FaceParts, Indices, five_points

BOTH = [Topology.IBUG_68, Topology.MEDIAPIPE_468]


def frontal(topology: Topology) -> Landmarks:
    points = canonical_face(topology).points[:, :2] * 200 + 100
    return Landmarks(topology=topology, points=points.astype(np.float32), depth=None, presence=1.0)


def middle(topology: Topology, indices: Indices) -> tuple[float, float]:
    x, y = frontal(topology).points[list(indices)].mean(axis=0)
    return float(x), float(y)


def every_group(parts: FaceParts) -> list[Indices]:
    return [
        *(parts.oval, parts.left_brow, parts.right_brow, parts.left_eye, parts.right_eye),
        *(parts.lips_outer, parts.lips_inner, parts.nose_bridge, parts.nose_base),
    ]


@pytest.mark.parametrize("topology", BOTH)
def test_no_group_names_a_point_twice_or_one_that_does_not_exist(topology: Topology) -> None:
    count = len(canonical_face(topology).points)
    for group in every_group(PARTS[topology]):
        assert len(set(group)) == len(group)
        assert min(group) >= 0
        assert max(group) < count


@pytest.mark.parametrize("topology", BOTH)
def test_brows_lie_above_eyes_above_nose_above_lips_above_chin(topology: Topology) -> None:
    parts = PARTS[topology]
    down = [
        middle(topology, group)[1]
        for group in (parts.left_brow, parts.left_eye, parts.nose_base, parts.lips_outer, (parts.chin,))
    ]
    assert down == sorted(down)


@pytest.mark.parametrize("topology", BOTH)
def test_left_is_the_left_of_the_picture(topology: Topology) -> None:
    parts = PARTS[topology]
    assert middle(topology, parts.left_eye)[0] < middle(topology, parts.right_eye)[0]
    assert middle(topology, parts.left_brow)[0] < middle(topology, parts.right_brow)[0]
    for left, right in (parts.mouth_corners, parts.left_eye_corners, parts.right_eye_corners):
        assert middle(topology, (left,))[0] < middle(topology, (right,))[0]


@pytest.mark.parametrize("topology", BOTH)
def test_a_mirrored_face_has_the_same_parts_on_the_other_side(topology: Topology) -> None:
    parts, mirror = PARTS[topology], canonical_face(topology).mirror
    assert {int(mirror[i]) for i in parts.left_eye} == set(parts.right_eye)
    assert {int(mirror[i]) for i in parts.left_brow} == set(parts.right_brow)
    for group in (parts.lips_outer, parts.lips_inner, parts.oval, parts.nose_bridge, parts.nose_base):
        assert {int(mirror[i]) for i in group} == set(group)


@pytest.mark.parametrize("topology", BOTH)
def test_closed_outlines_run_around_their_part_without_crossing(topology: Topology) -> None:
    parts = PARTS[topology]
    for group in (parts.left_eye, parts.right_eye, parts.lips_outer):
        points = frontal(topology).points[list(group)]
        spokes = points - points.mean(axis=0)
        turns = np.diff(np.unwrap(np.arctan2(spokes[:, 1], spokes[:, 0])))
        assert (np.sign(turns) == np.sign(turns[0])).all()


def test_the_oval_of_the_mesh_encloses_every_other_part() -> None:
    parts, points = PARTS[Topology.MEDIAPIPE_468], frontal(Topology.MEDIAPIPE_468).points
    low, high = points[list(parts.oval)].min(axis=0), points[list(parts.oval)].max(axis=0)
    for group in every_group(parts)[1:]:
        assert (points[list(group)] > low).all()
        assert (points[list(group)] < high).all()


@pytest.mark.parametrize("topology", BOTH)
def test_five_points_are_eyes_nose_and_mouth_corners_in_that_order(topology: Topology) -> None:
    five = five_points(frontal(topology))
    left_eye, right_eye, nose, left_mouth, right_mouth = five
    assert five.shape == (5, 2)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_five_points_of_five_points_are_themselves() -> None:
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    five = Landmarks(topology=Topology.FIVE, points=points, depth=None, presence=1.0)
    assert five_points(five).tolist() == points.tolist()


def test_both_topologies_agree_on_the_five_points_of_one_face() -> None:
    mesh, ibug = five_points(frontal(Topology.MEDIAPIPE_468)), five_points(frontal(Topology.IBUG_68))
    assert np.abs(mesh - ibug).max() < 200 * 0.03


def test_each_ibug_point_has_a_mesh_point_of_the_same_part() -> None:
    ibug, mesh = PARTS[Topology.IBUG_68], PARTS[Topology.MEDIAPIPE_468]
    for name in ("oval", "left_eye", "right_eye", "lips_outer", "lips_inner"):
        carried = {IBUG_TO_MEDIAPIPE[i] for i in getattr(ibug, name)}
        assert carried <= set(getattr(mesh, name)), name


def test_the_forehead_outline_goes_from_temple_to_temple_over_the_top() -> None:
    points = frontal(Topology.MEDIAPIPE_468).points[list(FOREHEAD_OVAL)]
    assert (np.diff(points[:, 0]) > 0).all()
    assert points[:, 1].argmin() == len(points) // 2
