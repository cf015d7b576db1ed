"""The values that describe a face. All coordinates are pixels of the picture the face was found in."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from steadfast.media.canvas import Region

Points = NDArray[np.float32]
"""N × 2, (x, y) in pixels; pixel centres lie on whole numbers."""


class Topology(StrEnum):
    """Which point of a face each row of its landmarks is."""

    FIVE = "five"  # left eye, right eye, nose tip, left and right mouth corner, as seen in the picture
    IBUG_68 = "ibug_68"  # dlib, 2DFAN
    MEDIAPIPE_468 = "mediapipe_468"  # MediaPipe FaceMesh


class EmbeddingSpace(StrEnum):
    """Which network made an embedding; numbers of two spaces say nothing to each other."""

    DLIB_RESNET = "dlib_resnet"  # 128-D, Euclidean: under 0.6 is the same person
    MOBILEFACENET = "mobilefacenet"  # 128-D, unit length, cosine
    ARCFACE_W600K = "arcface_w600k"  # 512-D, unit length, cosine


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle in pixels, right and bottom exclusive; it may reach outside the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """In pixels."""
        return self.bottom - self.top

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def grown(self, factor: float) -> "Box":
        """The box with the same centre and `factor` times the sides."""
        (x, y), half_w, half_h = self.center, self.width * factor / 2, self.height * factor / 2
        return Box(left=x - half_w, top=y - half_h, right=x + half_w, bottom=y + half_h)

    def clipped(self, width_px: int, height_px: int) -> Region:
        """The whole pixels of the box inside a picture of this size; at least one pixel."""
        left = int(np.clip(np.floor(self.left), 0, width_px - 1))
        top = int(np.clip(np.floor(self.top), 0, height_px - 1))
        right = int(np.clip(np.ceil(self.right), left + 1, width_px))
        bottom = int(np.clip(np.ceil(self.bottom), top + 1, height_px))
        return Region(left=left, top=top, right=right, bottom=bottom)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """Where a head looks, in degrees; all 0 is straight into the camera."""

    yaw_deg: float  # positive: turned towards the right edge of the picture
    pitch_deg: float  # positive: looking up
    roll_deg: float  # positive: tilted clockwise as seen in the picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """A face as a point in the space of one network."""

    space: EmbeddingSpace
    vector: NDArray[np.float32]  # D; unit length except in DLIB_RESNET


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """A face as a detector reports it."""

    box: Box
    score: float  # 0–1
    points5: Points | None  # 5 × 2 in the order of Topology.FIVE, if the detector gives them


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmarks:
    """The dense points of one face."""

    topology: Topology
    points: Points  # N × 2 px
    depth: NDArray[np.float32] | None  # N, px, smaller is nearer to the camera; None if unknown
    presence: float  # 0–1, how sure the model is that a face is there


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """A face with everything that is known of it."""

    box: Box
    score: float  # 0–1, the detector's (or the tracker's presence)
    landmarks: Landmarks
    points5: Points  # 5 × 2, order of Topology.FIVE
    pose: Pose
    embedding: Embedding | None  # None where it was not asked for
    sharpness: float  # variance of the Laplacian of the face at 112 × 112; under about 20 is blurred
