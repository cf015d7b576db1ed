"""One scale of likeness for every network."""

import pytest
from tests.unit.faces.disc_faces import embedding

from steadfast.errors import InvalidOption
from steadfast.faces.face import EmbeddingSpace
from steadfast.faces.similarity import SAME_PERSON, SURELY_SAME_PERSON, is_same_person, similarity

DLIB = EmbeddingSpace.DLIB_RESNET


@pytest.mark.parametrize("space", list(EmbeddingSpace))
def test_a_face_is_as_like_itself_as_can_be(space: EmbeddingSpace) -> None:
    face = embedding(0.3, -0.2, 0.5, space=space)
    assert similarity(face, face) == pytest.approx(1)


def test_unit_vectors_are_compared_by_their_cosine() -> None:
    assert similarity(embedding(1, 0), embedding(1, 1)) == pytest.approx(2**-0.5)


def test_dlibs_own_threshold_of_a_distance_of_06_decides_in_its_space() -> None:
    here = embedding(0, 0, space=DLIB)
    assert is_same_person(here, embedding(0.59, 0, space=DLIB))
    assert not is_same_person(here, embedding(0.61, 0, space=DLIB))


def test_a_threshold_that_was_asked_for_replaces_the_default() -> None:
    one, other = embedding(1, 0), embedding(1, 1)
    assert is_same_person(one, other)
    assert not is_same_person(one, other, threshold=0.9)


def test_every_space_has_a_threshold() -> None:
    assert set(SAME_PERSON) == set(SURELY_SAME_PERSON) == set(EmbeddingSpace)
    assert all(SURELY_SAME_PERSON[space] > SAME_PERSON[space] for space in EmbeddingSpace)


def test_embeddings_of_two_networks_are_never_compared() -> None:
    with pytest.raises(InvalidOption, match="cannot be compared"):
        similarity(embedding(1, 0), embedding(1, 0, space=DLIB))
