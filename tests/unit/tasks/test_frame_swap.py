"""Faces of a video are chosen by person, exchanged all or none, and remembered by their own track."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from tests.unit.faces.disc_faces import ALICE, BOB, CAROL, Colour, DiscEngine, picture

from steadfast.errors import EngineUnavailable, TooManyFaces
from steadfast.faces.face import Embedding, EmbeddingSpace, Face
from steadfast.faces.roles import Engine, Patch, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.faces.selection import Selection, SelectionRule, SourceMap
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.tasks import frame_swap
from steadfast.tasks.cast import Cast
from steadfast.tasks.frame_swap import FramePlan, FrameSwap

WHITE, GREY, BLACK = (255, 255, 255), (128, 128, 128), (1, 1, 1)
Disc = tuple[float, float, float, Colour]


@dataclass(frozen=True, kw_only=True, slots=True)
class Paint(SourceIdentity):
    """A source that is a colour."""

    colour: Colour


class Counter(SwapMemory):
    """A memory that counts the frames of its track."""

    frames = 0


@dataclass
class PaintSwapper:
    """Fills a small square in the middle of the face with the source's colour."""

    is_generative: bool = False
    margin: float = 1.5
    memories: list[Counter] = field(default_factory=list)
    fails_at_calls: tuple[int, ...] = ()
    is_blind: bool = False
    calls: int = 0

    def prepare(self, photos: Sequence[SourcePhoto]) -> SourceIdentity:
        raise NotImplementedError

    def remember(self) -> SwapMemory:
        self.memories.append(Counter())
        return self.memories[-1]

    def render(
        self, region: BgrImage, face: Face, source: SourceIdentity, memory: SwapMemory | None = None
    ) -> Patch:
        self.calls += 1
        if self.calls in self.fails_at_calls:
            raise ZeroDivisionError("odd")
        assert isinstance(memory, Counter)
        assert isinstance(source, Paint)
        memory.frames += 1
        x, y = (round(value) for value in face.box.center)
        mask = np.zeros(region.shape[:2], np.uint8)
        if not self.is_blind:
            mask[y - 4 : y + 4, x - 4 : x + 4] = 255
        pixels = region.copy()
        pixels[mask != 0] = source.colour
        return Patch(pixels=pixels, mask=mask)


def paint(colour: Colour) -> Paint:
    vector = np.ones(128, dtype=np.float32)
    return Paint(
        embedding=Embedding(space=EmbeddingSpace.MOBILEFACENET, vector=vector), photos_used=1, colour=colour
    )


def cast(selection: Selection | None = None, order: SourceMap | None = None, **more: object) -> Cast:
    return replace(
        Cast(
            people={"white": paint(WHITE), "grey": paint(GREY), "black": paint(BLACK)},
            order=order or SourceMap(in_order=("white",)),
            selection=selection or Selection(),
        ),
        **more,  # type: ignore[arg-type]
    )


def swapping(swapper: PaintSwapper | None = None) -> Engine:
    return replace(DiscEngine().engine, swapper=swapper or PaintSwapper())


def run(swap: FrameSwap, *frames: Sequence[Disc]) -> list[dict[Colour, Colour | None]]:
    """For each frame, who became whom: the colour of each disc and that of its middle."""
    answers = []
    for index, discs in enumerate(frames):
        canvas = ArrayCanvas(picture(*discs))
        swap.swap(canvas, swap.analyse(canvas, index / 30))
        answers.append({disc[3]: painted(canvas.pixels, disc) for disc in discs})
    return answers


def painted(pixels: BgrImage, disc: Disc) -> Colour | None:
    middle = tuple(int(value) for value in pixels[round(disc[1]), round(disc[0])])
    return middle if middle in (WHITE, GREY, BLACK) else None


A, B, C = (150.0, 200.0, 40.0, ALICE), (330.0, 200.0, 40.0, BOB), (500.0, 200.0, 40.0, CAROL)


def test_every_face_gets_the_source_where_all_are_meant() -> None:
    swap = FrameSwap(swapping(), cast(Selection(rule=SelectionRule.ALL)))
    assert run(swap, [A, B], [A, B]) == [{ALICE: WHITE, BOB: WHITE}] * 2


def test_the_largest_face_stays_the_largest_though_sizes_waver() -> None:
    large, small = (150.0, 200.0, 42.0, ALICE), (400.0, 200.0, 40.0, BOB)
    wavering = [[large, small], [(*large[:2], 40.0, ALICE), (400.0, 200.0, 43.0, BOB)], [large, small]]
    assert run(FrameSwap(swapping(), cast()), *wavering) == [{ALICE: WHITE, BOB: None}] * 3


def test_a_clearly_larger_face_becomes_the_largest() -> None:
    grown = (400.0, 200.0, 60.0, BOB)
    frames = [[A, (400.0, 200.0, 36.0 + 3 * n, BOB)] for n in range(9)]
    *_, last = run(FrameSwap(swapping(), cast()), *frames, [A, grown])
    assert last == {ALICE: None, BOB: WHITE}


def test_people_keep_their_numbers_when_they_change_places() -> None:
    order = SourceMap(by_index={0: "white", 1: "grey"})
    selection = Selection(rule=SelectionRule.INDEX, indices=(0, 1))
    steps = [[(150.0 + 12 * n, 130.0, 40.0, ALICE), (400.0 - 12 * n, 330.0, 40.0, BOB)] for n in range(21)]
    answers = run(FrameSwap(swapping(), cast(selection, order)), *steps)
    assert answers == [{ALICE: WHITE, BOB: GREY}] * 21


def test_left_to_right_hands_out_sources_and_leaves_those_without_one() -> None:
    order = SourceMap(in_order=("white", "grey"))
    swap = FrameSwap(swapping(), cast(Selection(rule=SelectionRule.LEFT_TO_RIGHT), order))
    assert run(swap, [A, B, C]) == [{ALICE: WHITE, BOB: GREY, CAROL: None}]


def test_only_who_is_like_the_reference_is_exchanged() -> None:
    engine = swapping()
    reference = engine.identity.embed(picture(B), np.full((5, 2), (330, 200), dtype=np.float32))
    wanted = cast(Selection(rule=SelectionRule.LIKE), reference=reference)
    assert run(FrameSwap(engine, wanted), [A, B], [A, B]) == [{ALICE: None, BOB: WHITE}] * 2


def test_two_faces_are_too_many_where_one_was_asked_for() -> None:
    swap = FrameSwap(swapping(), cast(Selection(rule=SelectionRule.ONE)))
    assert run(swap, [A]) == [{ALICE: WHITE}]
    with pytest.raises(TooManyFaces):
        FrameSwap(swapping(), cast(Selection(rule=SelectionRule.ONE))).analyse(
            ArrayCanvas(picture(A, B)), 0.0
        )


def test_a_frame_without_a_face_stays_bit_identical() -> None:
    swap = FrameSwap(swapping(), cast())
    canvas = ArrayCanvas(picture())
    outcome = swap.swap(canvas, swap.analyse(canvas, 0.0))
    assert (outcome.faces_found, outcome.faces_swapped) == (0, 0)
    assert np.array_equal(canvas.pixels, picture())


def test_when_the_second_face_fails_the_first_is_not_written_either() -> None:
    swap = FrameSwap(swapping(PaintSwapper(fails_at_calls=(2,))), cast(Selection(rule=SelectionRule.ALL)))
    canvas = ArrayCanvas(picture(A, B))
    plan = swap.analyse(canvas, 0.0)
    with pytest.raises(ZeroDivisionError):
        swap.swap(canvas, plan)
    assert np.array_equal(canvas.pixels, picture(A, B))


def test_a_face_that_was_not_drawn_is_not_counted() -> None:
    swap = FrameSwap(swapping(PaintSwapper(is_blind=True)), cast())
    canvas = ArrayCanvas(picture(A))
    outcome = swap.swap(canvas, swap.analyse(canvas, 0.0))
    assert (outcome.faces_found, outcome.faces_swapped) == (1, 0)


def test_each_track_has_one_memory_of_its_own() -> None:
    swapper = PaintSwapper()
    run(FrameSwap(swapping(swapper), cast(Selection(rule=SelectionRule.ALL))), *[[A, B]] * 5)
    assert [memory.frames for memory in swapper.memories] == [5, 5]


def test_memories_of_tracks_long_gone_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_swap, "_FORGET_AFTER_FRAMES", 30)
    swap = FrameSwap(swapping(), cast())
    run(swap, [A])
    run(swap, [], *[[B]] * 20)
    assert len(swap._memories) == 2
    run(swap, *[[B]] * 20)
    assert len(swap._memories) == 1


def test_enhancement_without_an_enhancer_is_refused_before_any_frame() -> None:
    with pytest.raises(EngineUnavailable):
        FrameSwap(swapping(), cast(), enhance=True)


def test_a_plan_is_plain_data_that_another_thread_can_use() -> None:
    swap = FrameSwap(swapping(), cast())
    plan = swap.analyse(ArrayCanvas(picture(A)), 0.0)
    assert isinstance(plan, FramePlan)
    assert plan.faces_found == len(plan.parts) == 1
