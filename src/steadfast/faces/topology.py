"""Which landmark is which part of a face, for each topology.

Left and right are those of the picture, not of the person. The index groups of MediaPipe's mesh and of the
iBUG scheme are facts of those schemes; each was verified by drawing it on real faces.
"""

from dataclasses import dataclass

import numpy as np

from steadfast.faces.face import Landmarks, Points, Topology

Indices = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceParts:
    """Named groups of landmark indices; a closed one runs around its part once, the first is not repeated."""

    oval: Indices  # outline of the face; IBUG_68: the jaw, left ear to right ear, open at the top
    oval_is_closed: bool
    left_brow: Indices
    right_brow: Indices
    left_eye: Indices  # closed
    right_eye: Indices  # closed
    lips_outer: Indices  # closed, from the left mouth corner along the lower lip
    lips_inner: Indices  # closed, from the left mouth corner along the lower lip
    nose_bridge: Indices  # from between the eyes down to the tip
    nose_base: Indices  # from the left wing under the tip to the right wing
    nose_tip: int
    chin: int
    mouth_corners: tuple[int, int]  # left, right
    left_eye_corners: tuple[int, int]  # left, right
    right_eye_corners: tuple[int, int]  # left, right


IBUG_68 = FaceParts(
    oval=tuple(range(17)),
    oval_is_closed=False,
    left_brow=tuple(range(17, 22)),
    right_brow=tuple(range(22, 27)),
    left_eye=tuple(range(36, 42)),
    right_eye=tuple(range(42, 48)),
    lips_outer=(48, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49),
    lips_inner=(60, 67, 66, 65, 64, 63, 62, 61),
    nose_bridge=(27, 28, 29, 30),
    nose_base=(31, 32, 33, 34, 35),
    nose_tip=30,
    chin=8,
    mouth_corners=(48, 54),
    left_eye_corners=(36, 39),
    right_eye_corners=(42, 45),
)

MEDIAPIPE_468 = FaceParts(
    oval=(
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    oval_is_closed=True,
    left_brow=(70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    right_brow=(336, 296, 334, 293, 300, 276, 283, 282, 295, 285),
    left_eye=(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    right_eye=(362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
    lips_outer=(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    lips_inner=(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    nose_bridge=(168, 6, 197, 195, 5, 4),
    nose_base=(98, 97, 2, 326, 327),
    nose_tip=4,
    chin=152,
    mouth_corners=(61, 291),
    left_eye_corners=(33, 133),
    right_eye_corners=(362, 263),
)

# The mesh point that lies where each iBUG point lies: nearest on average over dlib's and FaceMesh's landmarks
# of 21 pictures of three people, made symmetric; eye corners keep their meaning.
IBUG_TO_MEDIAPIPE: Indices = (
    *(127, 234, 93, 132, 172, 136, 149, 176, 152, 400, 378, 365, 397, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 55, 285, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 240, 97, 2, 326, 460),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)

# The outline of the forehead in the mesh, from the left temple over the top to the right temple: what the
# iBUG scheme lacks.
FOREHEAD_OVAL: Indices = (162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389)

PARTS = {Topology.IBUG_68: IBUG_68, Topology.MEDIAPIPE_468: MEDIAPIPE_468}


def five_points(landmarks: Landmarks) -> Points:
    """5 × 2 px: eye centres, nose tip, mouth corners, in the order of `Topology.FIVE`."""
    points = landmarks.points
    if landmarks.topology is Topology.FIVE:
        return points.astype(np.float32)
    parts = PARTS[landmarks.topology]
    left_eye = points[list(parts.left_eye)].mean(axis=0)
    right_eye = points[list(parts.right_eye)].mean(axis=0)
    left_mouth, right_mouth = points[list(parts.mouth_corners)]
    return np.stack((left_eye, right_eye, points[parts.nose_tip], left_mouth, right_mouth)).astype(np.float32)
