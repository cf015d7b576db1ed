"""ArcFace's adapter: the five points lie on their template, in RGB from −1 to 1."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from steadfast.errors import InvalidModelOutput
from steadfast.faces.face import EmbeddingSpace, Points
from steadfast.faces.neural.identity import ArcFaceEncoder
from steadfast.inference.sessions import ModelSession
from steadfast.inference.testing import write_graph

Load = Callable[[Path], ModelSession]
COLOURS = [(250, 10, 30), (20, 240, 60), (40, 70, 230), (200, 210, 15), (25, 180, 190)]  # BGR


def arcface_graph(path: Path, template: Points) -> Path:
    """512 numbers: the RGB at the template's five points of the crop, then nothing."""
    x, y = np.rint(template).astype(int).T
    indices = np.array([[[0, c, row, column] for c in range(3)] for row, column in zip(y, x, strict=True)])
    return write_graph(
        path,
        [
            ("GatherND", ["input", "where"], ["seen"], {}),
            ("Reshape", ["seen", "flat"], ["row"], {}),
            ("Pad", ["row", "pads"], ["output"], {}),
        ],
        inputs={"input": ("n", 3, 112, 112)},
        outputs={"output": (1, 512)},
        constants={
            "where": indices.reshape(-1, 4),
            "flat": np.array([1, 15]),
            "pads": np.array([0, 0, 0, 497]),
        },
    )


@pytest.fixture
def encoder(tmp_path: Path, session: Load, template_points: Callable[[str, int], Points]) -> ArcFaceEncoder:
    return ArcFaceEncoder(session(arcface_graph(tmp_path / "a.onnx", template_points("arcface_112_v2", 112))))


@pytest.fixture
def points5(template_points: Callable[[str, int], Points], placed: Callable[..., Points]) -> Points:
    return placed(template_points("arcface_112_v2", 112))


@pytest.fixture
def portrait(points5: Points) -> np.ndarray:
    image = np.zeros((300, 320, 3), dtype=np.uint8)
    for (x, y), colour in zip(points5, COLOURS, strict=True):
        cv2.circle(image, (round(float(x)), round(float(y))), 6, colour, -1)
    return image


def test_the_network_sees_each_point_in_its_place_and_colour(
    encoder: ArcFaceEncoder, points5: Points, portrait: np.ndarray
) -> None:
    rgb = np.array(COLOURS, dtype=np.float32)[:, ::-1]
    assert_allclose(encoder.measure(portrait, points5)[:15], (rgb / 127.5 - 1).ravel(), atol=1e-3)


def test_the_embedding_has_length_one_in_the_direction_the_network_answered(
    encoder: ArcFaceEncoder, points5: Points, portrait: np.ndarray
) -> None:
    embedding = encoder.embed(portrait, points5)
    measure = encoder.measure(portrait, points5)
    assert embedding.space is encoder.space is EmbeddingSpace.ARCFACE_W600K
    assert embedding.vector.shape == (512,)
    assert_allclose(embedding.vector, measure / np.linalg.norm(measure), atol=1e-6)


def test_a_vector_without_length_is_refused(tmp_path: Path, session: Load, points5: Points) -> None:
    graph = write_graph(
        tmp_path / "zero.onnx",
        [("Identity", ["zeros"], ["output"], {})],
        inputs={"input": ("n", 3, 112, 112)},
        outputs={"output": (1, 512)},
        constants={"zeros": np.zeros((1, 512), dtype=np.float32)},
    )
    with pytest.raises(InvalidModelOutput):
        ArcFaceEncoder(session(graph)).embed(np.zeros((300, 320, 3), dtype=np.uint8), points5)


def test_an_answer_of_another_length_is_refused(tmp_path: Path, session: Load, points5: Points) -> None:
    graph = write_graph(
        tmp_path / "short.onnx",
        [("Identity", ["ones"], ["output"], {})],
        inputs={"input": ("n", 3, 112, 112)},
        outputs={"output": (1, 128)},
        constants={"ones": np.ones((1, 128), dtype=np.float32)},
    )
    with pytest.raises(InvalidModelOutput, match="1 × 128"):
        ArcFaceEncoder(session(graph)).embed(np.zeros((300, 320, 3), dtype=np.uint8), points5)
