"""Faces that are drawn from the mesh's own layout, so that every landmark's place is known exactly."""

import cv2
import numpy as np

from steadfast.faces.face import Box, Embedding, EmbeddingSpace, Face, Landmarks, Points, Pose, Topology
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.topology import five_points
from steadfast.media.canvas import BgrImage

Colour = tuple[int, int, int]
PALE: Colour = (170, 190, 225)
DARK: Colour = (60, 85, 130)
BACKGROUND: Colour = (150, 110, 60)


def layout_points(topology: Topology, left: float, top: float, scale: float) -> Points:
    """The landmarks of the average face, its mouth open, `scale` px per layout unit."""
    mesh = mesh_of(topology)
    return np.asarray(mesh.layout[: mesh.landmark_count] * scale + (left, top), dtype=np.float32)


def close_mouth(points: Points, topology: Topology) -> Points:
    """The same face with its lips on each other."""
    inner = mesh_of(topology).parts.lips_inner
    half = len(inner) // 2
    upper, lower = list(inner[:half:-1]), list(inner[1:half])
    closed = points.copy()
    closed[upper] = closed[lower] = (points[upper] + points[lower]) / 2
    return closed


def face_at(points: Points, topology: Topology) -> Face:
    """A face with these landmarks, looking straight ahead."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    depth = np.zeros(len(points), dtype=np.float32) if topology is Topology.MEDIAPIPE_468 else None
    landmarks = Landmarks(topology=topology, points=points, depth=depth, presence=1.0)
    return Face(
        box=Box(left=float(left), top=float(top), right=float(right), bottom=float(bottom)),
        score=1.0,
        landmarks=landmarks,
        points5=five_points(landmarks),
        pose=Pose(yaw_deg=0, pitch_deg=0, roll_deg=0),
        embedding=Embedding(space=EmbeddingSpace.MOBILEFACENET, vector=np.eye(128, dtype=np.float32)[0]),
        sharpness=100.0,
    )


def draw_face(
    points: Points, topology: Topology, skin: Colour, *, width: int = 200, height: int = 220
) -> BgrImage:
    """A picture of the face: skin with a gentle light from the left, eyes, brows, lips, teeth, a neck."""
    mesh = mesh_of(topology)
    parts, wide = mesh.parts, mesh.widen(points)
    image = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    chin, middle = points[parts.chin], points[parts.nose_tip]
    half = 0.5 * float(np.ptp(points[:, 0])) * 0.6
    neck = [(middle[0] - half, chin[1] - 30), (middle[0] + half, chin[1] - 30)]
    neck += [(middle[0] + half, height), (middle[0] - half, height)]
    _fill(image, np.array(neck), skin)
    _fill(image, wide[list(mesh.oval)], skin)
    for eye in (parts.left_eye, parts.right_eye):
        _fill(image, points[list(eye)], (230, 235, 235))
        centre = points[list(eye)].mean(axis=0)
        cv2.circle(image, (round(float(centre[0])), round(float(centre[1]))), 3, (40, 30, 20), -1)
    for brow in (parts.left_brow, parts.right_brow):
        hull = np.asarray(cv2.convexHull(points[list(brow)]), dtype=np.float32)
        _fill(image, hull.reshape(-1, 2), (40, 60, 80))
    _fill(image, points[list(parts.lips_outer)], (90, 80, 190))
    _fill(image, points[list(parts.lips_inner)], (240, 250, 250))
    light = np.linspace(1.1, 0.85, width, dtype=np.float32)[None, :, None]
    return np.asarray(np.clip(image * light, 0, 255), dtype=np.uint8)


def _fill(image: BgrImage, outline: Points, colour: Colour) -> None:
    cv2.fillPoly(image, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
