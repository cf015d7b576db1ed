"""MobileFaceNet is fed what it was trained on and answers unit vectors."""

import numpy as np
import pytest
from tests.unit.faces.recorded_session import RecordedSession

from steadfast.errors import FaceTooSmall, InvalidModelOutput
from steadfast.faces.alignment import ARCFACE_112_V2
from steadfast.faces.face import EmbeddingSpace
from steadfast.faces.standard.identity import MobileFaceNetEncoder, network_input

POINTS5 = ARCFACE_112_V2.points(112)


def encoder(*numbers: float) -> tuple[MobileFaceNetEncoder, RecordedSession]:
    recorded = RecordedSession({"output": np.array([numbers], dtype=np.float32)})
    return MobileFaceNetEncoder(recorded.session), recorded


def test_the_input_is_rgb_from_minus_1_to_1() -> None:
    fed = network_input(np.full((112, 112, 3), (0, 51, 255), dtype=np.uint8))
    assert fed.shape == (1, 3, 112, 112)
    assert fed[0, :, 5, 5].tolist() == pytest.approx([1, -0.6, -1], abs=1e-6)


def test_a_face_that_lies_on_the_template_is_fed_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    network, recorded = encoder(3, 4)
    network.embed(image, POINTS5)
    np.testing.assert_allclose(recorded.feeds[0]["input"], network_input(image), atol=0.02)


def test_embeddings_have_length_1_and_name_their_space() -> None:
    network, _ = encoder(3, 4)
    answer = network.embed(np.zeros((112, 112, 3), dtype=np.uint8), POINTS5)
    assert answer.vector.tolist() == pytest.approx([0.6, 0.8])
    assert answer.space is network.space is EmbeddingSpace.MOBILEFACENET


def test_zeros_are_an_invalid_answer() -> None:
    with pytest.raises(InvalidModelOutput):
        encoder(0, 0)[0].embed(np.zeros((112, 112, 3), dtype=np.uint8), POINTS5)


def test_points_that_coincide_are_a_face_too_small() -> None:
    with pytest.raises(FaceTooSmall):
        encoder(3, 4)[0].embed(np.zeros((112, 112, 3), dtype=np.uint8), np.ones((5, 2), dtype=np.float32))
