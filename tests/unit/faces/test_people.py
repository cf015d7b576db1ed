"""Nobody becomes somebody else, and nobody is counted twice."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.faces.disc_faces import embedding

from steadfast.faces.face import Box, Embedding, Face, Landmarks, Pose, Topology
from steadfast.faces.people import People

POINTS = np.zeros((5, 2), dtype=np.float32)
ALICE, BOB = embedding(1, 0, 0), embedding(0, 1, 0)


def face(left: float, who: Embedding | None, yaw_deg: float = 0) -> Face:
    return Face(
        box=Box(left=left, top=0, right=left + 50, bottom=50),
        score=0.9,
        landmarks=Landmarks(topology=Topology.FIVE, points=POINTS, depth=None, presence=1.0),
        points5=POINTS,
        pose=Pose(yaw_deg=yaw_deg, pitch_deg=0, roll_deg=0),
        embedding=who,
        sharpness=100,
    )


def test_people_are_numbered_as_they_appear_and_known_again_anywhere_at_any_time() -> None:
    people = People(return_s=1)
    assert people.recognise(face(0, ALICE), 0, present=()).number == 0
    assert people.recognise(face(100, BOB), 0, present=(0,)).number == 1
    assert people.recognise(face(900, ALICE), 500, present=(1,)).number == 0


def test_who_is_here_is_not_somebody_who_comes() -> None:
    people = People(return_s=1)
    people.recognise(face(0, ALICE), 0, present=())
    twin = people.recognise(face(300, ALICE), 0, present=(0,))
    assert twin.number == 1


def test_of_several_who_are_alike_the_most_alike_is_meant() -> None:
    people = People(return_s=0)
    people.recognise(face(0, embedding(1, 0.7, 0)), 0, present=())
    people.recognise(face(100, embedding(1, 0.1, 0)), 0, present=(0,))
    assert people.recognise(face(500, ALICE), 9, present=()).number == 1


@pytest.mark.parametrize(
    ("left", "time_s", "number"),
    [(10, 0.9, 0), (10, 1.1, 1), (45, 0.9, 1)],
    ids=["here", "late", "elsewhere"],
)
def test_without_an_embedding_place_and_time_decide(left: float, time_s: float, number: int) -> None:
    people = People(return_s=1)
    people.recognise(face(0, None), 0, present=())
    assert people.recognise(face(left, None), time_s, present=()).number == number


def test_a_stranger_in_the_place_of_somebody_is_a_stranger_and_a_bad_view_is_not() -> None:
    people = People(return_s=1)
    people.recognise(face(0, ALICE), 0, present=())
    bad_view = embedding(0.3, 0, 0.95)
    assert people.recognise(face(5, bad_view), 0.5, present=()).number == 0
    assert people.recognise(face(5, BOB), 0.5, present=()).number == 1


def test_a_face_is_worth_describing_anew_once_it_is_clearly_more_frontal() -> None:
    person = People(return_s=1).recognise(face(0, ALICE, yaw_deg=40), 0, present=())
    assert not person.is_better_seen(face(0, ALICE, yaw_deg=-30))
    assert person.is_better_seen(face(0, ALICE, yaw_deg=20))
    looking_up = replace(face(0, ALICE), pose=Pose(yaw_deg=0, pitch_deg=38, roll_deg=0))
    assert not person.is_better_seen(looking_up)
