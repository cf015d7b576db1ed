"""Faces that need no model: bright discs on a dark ground, found by their pixels like real ones.

A disc's colour is who it is; its place and size are its landmarks. So trackers and analysis are tested on
pictures whose truth is known to the pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.canonical import canonical_face
from steadfast.faces.face import Box, Detection, Embedding, EmbeddingSpace, Landmarks, Points, Topology
from steadfast.faces.roles import Engine, EngineName
from steadfast.media.canvas import BgrImage

ALICE = (250, 60, 60)
BOB = (60, 250, 60)
CAROL = (60, 60, 250)
Colour = tuple[int, int, int]


def picture(*discs: tuple[float, float, float, Colour], width: int = 640, height: int = 480) -> BgrImage:
    """A dark picture with discs: x, y, radius in px, colour; textured, so that optical flow finds hold."""
    image = np.full((height, width, 3), 20, dtype=np.uint8)
    for x, y, radius, colour in discs:
        center, size = (round(x * 16), round(y * 16)), round(radius * 16)
        cv2.circle(image, center, size, colour, -1, cv2.LINE_AA, 4)
        for angle in range(0, 360, 45):
            spot = (
                x + 0.5 * radius * np.cos(np.radians(angle)),
                y + 0.6 * radius * np.sin(np.radians(angle)),
            )
            darker = tuple(value * (0.55 + angle / 1800) for value in colour)
            cv2.circle(
                image,
                (round(spot[0] * 16), round(spot[1] * 16)),
                round(radius * 3),
                darker,
                -1,
                cv2.LINE_AA,
                4,
            )
    return image


def discs_of(image: BgrImage) -> list[NDArray[np.float32]]:
    """Left, top, right, bottom of every disc in the picture."""
    bright = (image.max(axis=2) > 100).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    boxes = [stats[i, :4].astype(np.float32) for i in range(1, count) if stats[i, 4] > 20]
    return [np.array((x, y, x + w, y + h), dtype=np.float32) for x, y, w, h in boxes]


@dataclass
class DiscDetector:
    """Finds every disc that is large enough in the image it is given."""

    smallest_px: float = 8.0
    looked_at: list[tuple[int, int]] = field(default_factory=list)  # width, height of every image

    def detect(self, image: BgrImage) -> list[Detection]:
        self.looked_at.append((image.shape[1], image.shape[0]))
        boxes = [b for b in discs_of(image) if b[2] - b[0] >= self.smallest_px]
        return [
            Detection(
                box=Box(left=float(b[0]), top=float(b[1]), right=float(b[2]), bottom=float(b[3])),
                score=0.9,
                points5=None,
            )
            for b in boxes
        ]


@dataclass
class DiscLandmarker:
    """The canonical face laid over the disc nearest to the hint, or nothing."""

    noise_px: float = 0.0
    turned_rad: float = 0.0  # yaw of every head
    presence: float = 0.99
    offset_px: float = 0.0  # by which every answer is wrong
    calls: int = 0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(0)

    @property
    def topology(self) -> Topology:
        return Topology.MEDIAPIPE_468

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        self.calls += 1
        if isinstance(hint, Detection):
            center, size = np.array(hint.box.center), hint.box.height
        else:
            center, size = hint.points.mean(axis=0), float(np.ptp(hint.points[:, 1]))
        near = [b for b in discs_of(image) if np.hypot(*((b[:2] + b[2:]) / 2 - center)) < size * 0.6]
        if not near:
            return None
        noise = self._random.normal(0, self.noise_px, (468, 2))
        found = disc_landmarks(near[0] + self.offset_px, noise, turned_rad=self.turned_rad)
        return replace(found, presence=self.presence)


def disc_landmarks(
    box: NDArray[np.float32], noise: NDArray[np.float64] | float = 0.0, *, turned_rad: float = 0.0
) -> Landmarks:
    """The landmarks of the disc with this box, as of a head that is turned by this yaw."""
    cos, sin = np.cos(turned_rad), np.sin(turned_rad)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    points = canonical_face(Topology.MEDIAPIPE_468).points @ turn.T
    size = box[3] - box[1]
    flat = points[:, :2] * size + (box[:2] + box[2:]) / 2 + noise
    return Landmarks(
        topology=Topology.MEDIAPIPE_468,
        points=flat.astype(np.float32),
        depth=(points[:, 2] * size).astype(np.float32),
        presence=0.99,
    )


@dataclass
class DiscIdentity:
    """A disc's colour as a unit vector: two colours are strangers."""

    calls: int = 0

    @property
    def space(self) -> EmbeddingSpace:
        return EmbeddingSpace.MOBILEFACENET

    def embed(self, image: BgrImage, points5: Points) -> Embedding:
        self.calls += 1
        x, y = np.clip(points5.mean(axis=0).astype(int), 0, np.array(image.shape[1::-1]) - 1)
        around = image[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3).mean(axis=0)
        vector = np.where(around > 100, 1.0, 0.0).astype(np.float32)
        vector = vector if vector.any() else np.ones(3, dtype=np.float32)
        return Embedding(space=self.space, vector=vector / np.float32(np.linalg.norm(vector)))


@dataclass
class DiscEngine:
    """An engine for discs, and its parts to look into."""

    detector: DiscDetector = field(default_factory=DiscDetector)
    landmarker: DiscLandmarker = field(default_factory=DiscLandmarker)
    identity: DiscIdentity = field(default_factory=DiscIdentity)

    @property
    def engine(self) -> Engine:
        return Engine(
            name=EngineName.STANDARD,
            detector=self.detector,
            landmarker=self.landmarker,
            identity=self.identity,
            swapper=cast(Any, None),
        )


def embedding(*numbers: float, space: EmbeddingSpace = EmbeddingSpace.MOBILEFACENET) -> Embedding:
    """An embedding of these numbers, of unit length except in dlib's space."""
    vector = np.array(numbers, dtype=np.float32)
    if space is not EmbeddingSpace.DLIB_RESNET:
        vector /= np.linalg.norm(vector)
    return Embedding(space=space, vector=vector)


def centers(points: Sequence[Points]) -> NDArray[np.float64]:
    """The middle of each set of points, N × 2 px."""
    return np.array([p.mean(axis=0) for p in points], dtype=np.float64)
