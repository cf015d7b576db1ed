"""The faces that are meant are chosen, and each gets its source."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.faces.disc_faces import embedding

from steadfast.errors import FaceNotMatched, InvalidOption, NoFace, SteadfastError, TooManyFaces
from steadfast.faces.face import Box, Embedding, Face, Landmarks, Pose, Topology
from steadfast.faces.selection import (
    ChosenFace,
    Selection,
    SelectionRule,
    SourceMap,
    parse_selection,
    parse_source_map,
    select_faces,
)


def face(left: float, size: float, who: Embedding | None = None) -> Face:
    points = np.zeros((5, 2), dtype=np.float32)
    return Face(
        box=Box(left=left, top=0, right=left + size, bottom=size),
        score=0.9,
        landmarks=Landmarks(topology=Topology.FIVE, points=points, depth=None, presence=1.0),
        points5=points,
        pose=Pose(yaw_deg=0, pitch_deg=0, roll_deg=0),
        embedding=who,
        sharpness=100,
    )


ALICE, BOB = embedding(1, 0, 0), embedding(0, 1, 0)
THREE = [face(0, 40, ALICE), face(100, 90, BOB), face(300, 60, embedding(0.9, 0.1, 0.1))]


def chosen(selection: Selection, faces: list[Face] = THREE, **options: Embedding) -> list[int]:
    return [c.index for c in select_faces(faces, selection, **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("largest", [1]),
        ("all", [0, 1, 2]),
        ("left-to-right", [0, 1, 2]),
        ("0,2", [0, 2]),
        ("2,0", [2, 0]),
        ("1", [1]),
    ],
)
def test_faces_are_chosen_by_rule(text: str, expected: list[int]) -> None:
    assert chosen(parse_selection(text)) == expected


def test_a_number_given_twice_is_one_face() -> None:
    assert chosen(parse_selection("1,1,0")) == [1, 0]


def test_everybody_who_is_like_the_reference_is_chosen() -> None:
    assert chosen(Selection(rule=SelectionRule.LIKE), reference=ALICE) == [0, 2]
    assert chosen(Selection(rule=SelectionRule.LIKE, min_similarity=0.999), reference=ALICE) == [0]


def test_nobody_like_the_reference_is_an_error_that_says_how_near_the_best_came() -> None:
    with pytest.raises(FaceNotMatched, match=r"reaches 0\.1\d of 0\.40"):
        chosen(Selection(rule=SelectionRule.LIKE), reference=embedding(0, 0, 1))


def test_a_number_that_no_face_has_is_an_error_that_says_which_there_are() -> None:
    with pytest.raises(FaceNotMatched, match="There is no face 3; only faces 0 to 2 were found"):
        chosen(parse_selection("0,3"))
    with pytest.raises(FaceNotMatched, match="only face 0 was"):
        chosen(parse_selection("1"), THREE[:1])


def test_one_accepts_one_and_refuses_two() -> None:
    assert chosen(parse_selection("one"), THREE[:1]) == [0]
    with pytest.raises(TooManyFaces, match="3 were found"):
        chosen(parse_selection("one"))


@pytest.mark.parametrize("rule", list(SelectionRule))
def test_no_face_at_all_is_the_same_error_under_every_rule(rule: SelectionRule) -> None:
    with pytest.raises(NoFace):
        select_faces([], Selection(rule=rule), reference=ALICE)


def test_a_likeness_is_read_with_its_photo_and_threshold() -> None:
    selection = parse_selection("like:some folder/ref.jpg", min_similarity=0.7)
    assert selection.reference == Path("some folder/ref.jpg")
    assert selection.min_similarity == 0.7
    assert selection.needs_embedding
    assert not parse_selection("all").needs_embedding


@pytest.mark.parametrize("text", ["0,1", "like:a.jpg", "left-to-right"])
def test_people_must_be_known_again_where_it_matters_who_is_who(text: str) -> None:
    assert parse_selection(text).needs_recognition
    assert not parse_selection("all").needs_recognition
    assert not parse_selection("largest").needs_recognition


@pytest.mark.parametrize(
    "text", ["", "biggest", "like:", "like", "index", "1,", "1;2", "-1", "1.5", "0,x", "99999"]
)
def test_what_says_nothing_known_is_refused_with_the_values_that_are(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_selection(text)
    assert caught.value.remedy


@given(st.text(max_size=20))
def test_no_text_escapes_the_declared_errors(text: str) -> None:
    try:
        assert isinstance(parse_selection(text), Selection)
    except SteadfastError as error:
        assert isinstance(error, InvalidOption)  # noqa: PT017


def test_pairs_of_face_and_source_are_read() -> None:
    assert parse_source_map(["0=a.jpg", "2=dir/b=c.jpg"]) == {0: "a.jpg", 2: "dir/b=c.jpg"}


@pytest.mark.parametrize("texts", [["a.jpg"], ["=a.jpg"], ["0="], ["x=a.jpg"], ["-1=a.jpg"], ["0=a", "0=b"]])
def test_malformed_or_repeated_pairs_are_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidOption):
        parse_source_map(texts)


def test_the_map_decides_and_faces_outside_it_stay_as_they_are() -> None:
    sources = SourceMap(in_order=("x",), by_index={0: "a", 2: "c"})
    keys = [sources.key_for(c, SelectionRule.ALL) for c in select_faces(THREE, parse_selection("all"))]
    assert keys == ["a", None, "c"]


def test_several_sources_go_from_left_to_right_and_one_goes_to_all() -> None:
    faces = select_faces(THREE, parse_selection("left-to-right"))
    in_order = SourceMap(in_order=("a", "b"))
    assert [in_order.key_for(c, SelectionRule.LEFT_TO_RIGHT) for c in faces] == ["a", "b", None]
    assert [in_order.key_for(c, SelectionRule.ALL) for c in faces] == ["a", "a", "a"]
    one = SourceMap(in_order=("a",))
    assert [one.key_for(c, SelectionRule.LEFT_TO_RIGHT) for c in faces] == ["a", "a", "a"]
    assert SourceMap().key_for(ChosenFace(index=0, place=0, face=THREE[0]), SelectionRule.ALL) is None
