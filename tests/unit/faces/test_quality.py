from dataclasses import replace

import numpy as np
import pytest
from tests.unit.faces.disc_faces import ALICE, BOB, DiscEngine, picture

from steadfast.errors import InvalidOption
from steadfast.faces.analyse import analyse
from steadfast.faces.face import EmbeddingSpace
from steadfast.faces.quality import VideoMeter, landmark_error, measure_face, outside_is_identical
from steadfast.media.canvas import ArrayCanvas

PLACE = (320.0, 240.0, 60.0)


def test_a_result_that_shows_the_source_is_recognised_as_the_source() -> None:
    engine = DiscEngine().engine
    before = analyse(ArrayCanvas(picture((*PLACE, ALICE))), engine)[0]
    source = analyse(ArrayCanvas(picture((*PLACE, BOB))), engine)[0].embedding
    assert source is not None
    found = measure_face(ArrayCanvas(picture((*PLACE, BOB))), before, source, engine)
    assert found is not None
    assert found.is_source
    assert found.to_source == pytest.approx(1, abs=0.02)
    assert found.landmark_error < 0.01
    assert found.as_dict()["space"] == source.space.value


def test_an_unchanged_target_is_not_the_source() -> None:
    engine = DiscEngine().engine
    image = picture((*PLACE, ALICE))
    before = analyse(ArrayCanvas(image), engine)[0]
    source = analyse(ArrayCanvas(picture((*PLACE, BOB))), engine)[0].embedding
    assert source is not None
    found = measure_face(ArrayCanvas(image), before, source, engine)
    assert found is not None
    assert not found.is_source


def test_a_face_that_vanished_has_no_quality() -> None:
    engine = DiscEngine().engine
    before = analyse(ArrayCanvas(picture((*PLACE, ALICE))), engine)[0]
    assert before.embedding is not None
    assert measure_face(ArrayCanvas(picture()), before, before.embedding, engine) is None
    elsewhere = ArrayCanvas(picture((80, 80, 30, ALICE)))
    assert measure_face(elsewhere, before, before.embedding, engine) is None


def test_numbers_of_two_networks_are_never_compared() -> None:
    engine = DiscEngine().engine
    canvas = ArrayCanvas(picture((*PLACE, ALICE)))
    before = analyse(canvas, engine)[0]
    assert before.embedding is not None
    other = next(space for space in EmbeddingSpace if space is not before.embedding.space)
    with pytest.raises(InvalidOption):
        measure_face(canvas, before, replace(before.embedding, space=other), engine)


def test_landmark_error_is_a_share_of_the_distance_between_the_eyes() -> None:
    face = analyse(ArrayCanvas(picture((*PLACE, ALICE))), DiscEngine().engine)[0]
    eyes = float(np.linalg.norm(face.points5[1] - face.points5[0]))
    moved = replace(
        face.landmarks, points=face.landmarks.points + np.array((0.1 * eyes, 0), dtype=np.float32)
    )
    assert landmark_error(face.landmarks, moved) == pytest.approx(0.1, rel=0.05)


def frame(level: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.full((8, 8, 3), level, dtype=np.uint8)


def test_flicker_compares_changes_inside_the_mask_with_the_originals() -> None:
    meter, mask = VideoMeter(), np.zeros((8, 8), dtype=np.uint8)
    mask[:4] = 255
    for number in range(4):
        after = frame(10)
        after[:4] = 100 + number * 6
        meter.add(frame(50 + number * 4), after, mask)
    assert meter.result().flicker == pytest.approx(1.5)
    assert meter.result().swapped_share == 1


def test_frames_that_kept_their_face_lower_the_swapped_share() -> None:
    meter, mask, nothing = VideoMeter(), np.full((8, 8), 255, np.uint8), np.zeros((8, 8), np.uint8)
    meter.add(frame(1), frame(2), mask)
    meter.add(frame(1), frame(1), nothing)
    meter.add(frame(1), frame(1), nothing, has_face=False)
    assert meter.result().frames_with_face == 2
    assert meter.result().swapped_share == 0.5
    assert meter.result().as_dict()["flicker"] == 1.0


def test_a_change_outside_every_mask_is_noticed() -> None:
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[2, 2] = 1
    after = frame(5)
    after[2, 2] = 9
    assert outside_is_identical(frame(5), after, [mask])
    after[3, 3] = 9
    assert not outside_is_identical(frame(5), after, [mask])
