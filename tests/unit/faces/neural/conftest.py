"""Faces, pictures and graphs that show whether an adapter fed a network what its contract says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.faces.face import Box, Face, Landmarks, Points, Pose, Topology
from steadfast.inference.sessions import ModelSession, SessionCache

# The templates as the facts on the models state them, apart from the code under test.
TEMPLATES = {
    "arcface_128": [
        (0.36167656, 0.40387734),
        (0.63696719, 0.40235469),
        (0.50019687, 0.56044219),
        (0.38710391, 0.72160547),
        (0.61507734, 0.72034453),
    ],
    "arcface_112_v2": [
        (0.34191607, 0.46157411),
        (0.65653393, 0.45983393),
        (0.50022500, 0.64050536),
        (0.37097589, 0.82469196),
        (0.63151696, 0.82325089),
    ],
    "ffhq_512": [
        (0.37691676, 0.46864664),
        (0.62285697, 0.46912813),
        (0.50123859, 0.61331904),
        (0.39308822, 0.72541100),
        (0.61150205, 0.72490465),
    ],
    "mtcnn_512": [
        (0.36562865, 0.46733799),
        (0.63305391, 0.46585885),
        (0.50019127, 0.61942959),
        (0.39032951, 0.77598822),
        (0.61178945, 0.77476328),
    ],
}


@pytest.fixture
def template_points() -> Callable[[str, int], Points]:
    """The five points of a template in a crop of that side."""
    return lambda name, size_px: np.array(TEMPLATES[name], dtype=np.float32) * np.float32(size_px)


@pytest.fixture
def placed() -> Callable[..., Points]:
    """Points of a crop turned, scaled and shifted into a picture."""

    def place(
        points: Points, *, degrees: float = 9.0, scale: float = 1.6, shift: tuple[float, float] = (60, 40)
    ) -> Points:
        angle = np.deg2rad(degrees)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (points @ turn.T + shift).astype(np.float32)

    return place


@pytest.fixture
def face_at() -> Callable[[Points], Face]:
    """A face at these five points."""

    def make(points5: Points) -> Face:
        low, high = points5.min(axis=0), points5.max(axis=0)
        box = Box(left=float(low[0]), top=float(low[1]), right=float(high[0]), bottom=float(high[1])).grown(2)
        return Face(
            box=box,
            score=1.0,
            landmarks=Landmarks(topology=Topology.FIVE, points=points5, depth=None, presence=1.0),
            points5=points5,
            pose=Pose(yaw_deg=0, pitch_deg=0, roll_deg=0),
            embedding=None,
            sharpness=100.0,
        )

    return make


@pytest.fixture
def session() -> Callable[[Path], ModelSession]:
    """The model of a file, in the real runtime."""
    cache = SessionCache()
    return lambda path: cache.get(path.stem, path)


@pytest.fixture
def spots() -> Callable[..., NDArray[np.float32]]:
    """Height × width, 0–1: a soft spot at each point."""

    def draw(points: Points, height: int, width: int, *, radius: float) -> NDArray[np.float32]:
        y, x = np.mgrid[0:height, 0:width]
        light = np.zeros((height, width), dtype=np.float32)
        for px, py in points:
            light = np.maximum(light, np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2)))
        return light.astype(np.float32)

    return draw
