"""Every segment takes the same person for the largest face, as one pass would."""

from collections.abc import Iterator, Sequence

from av.video.frame import VideoFrame
from tests.unit.faces.disc_faces import ALICE, BOB, Colour, DiscEngine, picture
from tests.unit.tasks.test_frame_swap import WHITE, Disc, cast, run, swapping

from steadfast.faces.analyse import analyse
from steadfast.faces.roles import Engine
from steadfast.media.canvas import ArrayCanvas
from steadfast.tasks.frame_swap import FrameSwap
from steadfast.tasks.leading_person import PersonMark, leaders


def discs(alice_px: float, bob_px: float) -> list[Disc]:
    return [(150.0, 200.0, alice_px, ALICE), (400.0, 200.0, bob_px, BOB)]


def frame_of(shown: Sequence[Disc]) -> VideoFrame:
    return VideoFrame.from_ndarray(picture(*shown), format="bgr24").reformat(format="bgra")


def leaders_of(*shown: Sequence[Disc]) -> list[Colour | None]:
    engine = DiscEngine().engine

    def frames() -> Iterator[VideoFrame | None]:
        yield from map(frame_of, shown)

    people = {mark_of(engine, person): person for person in (ALICE, BOB)}
    return [None if mark is None else people[mark] for mark in leaders(frames, engine)]


def mark_of(engine: Engine, person: Colour) -> PersonMark:
    (face,) = analyse(ArrayCanvas(picture((200.0, 200.0, 40.0, person))), engine)
    assert face.embedding is not None
    return PersonMark.of(face.embedding)


def test_the_leader_stays_until_somebody_is_clearly_larger() -> None:
    shown = [discs(42, 40), discs(40, 43), discs(40, 44), discs(30, 44), discs(42, 40)]
    assert leaders_of(*shown) == [ALICE, ALICE, ALICE, BOB, BOB]


def test_nothing_is_said_where_nobody_comes_near_the_largest() -> None:
    assert leaders_of(discs(60, 30), discs(60, 28)[:1]) == [None, None]


def test_a_frame_without_faces_changes_nothing() -> None:
    assert leaders_of(discs(42, 40), [], discs(40, 43)) == [ALICE, ALICE, ALICE]


def test_a_segment_that_is_told_keeps_to_the_person_though_another_is_larger() -> None:
    leader = mark_of(DiscEngine().engine, ALICE).embedding()
    shown = [discs(40, 43)] * 3
    assert run(FrameSwap(swapping(), cast()), *shown) == [{ALICE: None, BOB: WHITE}] * 3
    assert run(FrameSwap(swapping(), cast(), leader=leader), *shown) == [{ALICE: WHITE, BOB: None}] * 3


def test_a_segment_gives_the_person_up_as_one_pass_does() -> None:
    leader = mark_of(DiscEngine().engine, ALICE).embedding()
    (first,) = run(FrameSwap(swapping(), cast(), leader=leader), discs(30, 44))
    assert first == {ALICE: None, BOB: WHITE}
    (alone,) = run(FrameSwap(swapping(), cast(), leader=leader), discs(30, 44)[1:])
    assert alone == {BOB: WHITE}
