"""Faces are followed cheaply, found again when lost, and known again when they come back."""

import numpy as np
import pytest
from tests.unit.faces.disc_faces import ALICE, BOB, CAROL, Colour, DiscEngine, centers, picture

from steadfast.faces.roles import EngineName
from steadfast.faces.tracking import FaceTracker, TrackedFace, TrackingOptions
from steadfast.media.canvas import ArrayCanvas, BgrImage

FRAME_S = 1 / 30
Disc = tuple[float, float, float, Colour]


def follow(tracker: FaceTracker, frames: list[BgrImage], start: int = 0) -> list[list[TrackedFace]]:
    return [tracker.update(ArrayCanvas(f), (start + i) * FRAME_S) for i, f in enumerate(frames)]


def walk(frames: int, speed: float = 3.0, colour: Colour = ALICE, *others: Disc) -> list[BgrImage]:
    return [picture((150 + speed * i, 200, 45, colour), *others) for i in range(frames)]


def other_scene(*discs: Disc) -> BgrImage:
    """The same discs before another background, which does not look like a face."""
    background = np.kron(
        np.random.default_rng(2).integers(0, 95, (6, 8), dtype=np.uint8), np.ones((80, 80), dtype=np.uint8)
    )
    image = picture(*discs)
    return np.where(image.max(axis=2, keepdims=True) > 30, image, background[..., None])


def test_a_face_keeps_its_track_and_its_place() -> None:
    answers = follow(FaceTracker(DiscEngine().engine), walk(40))
    assert {(len(a), a[0].track_id, a[0].person) for a in answers} == {(1, 0, 0)}
    assert [a[0].frames for a in answers] == list(range(1, 41))
    found = centers([a[0].face.landmarks.points for a in answers])
    np.testing.assert_allclose(found[:, 0], 150 + 3 * np.arange(40), atol=1)


def test_between_searches_only_the_landmarker_runs() -> None:
    disc = DiscEngine()
    tracker = FaceTracker(disc.engine, TrackingOptions(detect_every=10))
    follow(tracker, walk(1))
    disc.detector.looked_at.clear()
    before = disc.landmarker.calls
    follow(tracker, walk(30), start=1)
    assert len(disc.detector.looked_at) == 3
    assert disc.landmarker.calls - before == 30
    assert disc.identity.calls == 1  # once per track


def test_most_searches_are_quick_and_some_are_thorough() -> None:
    disc = DiscEngine()
    options = TrackingOptions(detect_every=1, thorough_every=4, quick_side_px=320, thorough_side_px=640)
    follow(FaceTracker(disc.engine, options), walk(9))
    assert [w for w, _ in disc.detector.looked_at] == [640, 320, 320, 320, 640, 320, 320, 320, 640]


def test_trembling_landmarks_are_steadied() -> None:
    disc = DiscEngine()
    disc.landmarker.noise_px = 0.12
    answers = follow(FaceTracker(disc.engine), [picture((200, 200, 45, ALICE))] * 40)
    points = np.array([a[0].face.landmarks.points for a in answers[5:]])
    assert np.std(points, axis=0).mean() < 0.12 / 2


def test_a_face_that_leaves_is_dropped_and_one_that_comes_is_found_within_ten_frames() -> None:
    there, gone = picture((200, 200, 45, ALICE)), picture()
    answers = follow(FaceTracker(DiscEngine().engine), [there] * 5 + [gone] * 5 + [there] * 12)
    assert [len(a) for a in answers] == [1] * 5 + [0] * 5 + [1] * 12


def test_a_newcomer_joins_while_another_is_followed() -> None:
    alone, both = picture((150, 200, 45, ALICE)), picture((150, 200, 45, ALICE), (450, 200, 45, BOB))
    answers = follow(FaceTracker(DiscEngine().engine), [alone] * 5 + [both] * 12)
    assert [t.person for t in answers[-1]] == [0, 1]
    assert answers[-1][0].track_id == answers[0][0].track_id


def test_a_jump_within_reach_keeps_the_track() -> None:
    frames = [picture((200, 200, 45, ALICE))] * 3 + [picture((260, 215, 45, ALICE))] * 3
    answers = follow(FaceTracker(DiscEngine().engine), frames)
    assert {a[0].track_id for a in answers} == {0}
    assert answers[3][0].face.box.center[0] == pytest.approx(260, abs=2)


def test_after_a_cut_faces_are_found_in_that_very_frame_and_known_again_wherever_they_are() -> None:
    before = picture((150, 200, 45, ALICE), (450, 200, 45, BOB))
    after = other_scene((120, 300, 60, BOB), (500, 120, 40, ALICE), (320, 240, 30, CAROL))
    answers = follow(FaceTracker(DiscEngine().engine), [before] * 4 + [after] * 4)
    assert [t.person for t in answers[3]] == [0, 1]
    assert [t.person for t in answers[4]] == [1, 2, 0]
    old_tracks = {t.track_id for t in answers[3]}
    assert old_tracks.isdisjoint(t.track_id for t in answers[4])


def test_without_embeddings_a_face_that_returns_to_its_place_soon_is_the_same_person() -> None:
    disc = DiscEngine()
    tracker = FaceTracker(disc.engine, with_embedding=False)
    there, gone = picture((200, 200, 45, ALICE)), picture()
    answers = follow(tracker, [there] * 3 + [gone] * 8 + [there] * 3)
    assert answers[-1][0].person == 0
    assert answers[-1][0].track_id != 0
    assert disc.identity.calls == 0
    elsewhere = follow(tracker, [gone] * 4 + [picture((500, 200, 45, ALICE))] * 3, start=14)
    assert elsewhere[-1][0].person == 1


def test_somebody_else_in_the_same_place_is_somebody_else() -> None:
    frames = [picture((200, 200, 45, ALICE))] * 3 + [picture()] * 3 + [picture((200, 200, 45, BOB))] * 3
    answers = follow(FaceTracker(DiscEngine().engine), frames)
    assert answers[-1][0].person == 1


def test_a_face_that_turns_towards_the_camera_is_described_anew_but_not_over_and_over() -> None:
    disc = DiscEngine()
    tracker = FaceTracker(disc.engine, TrackingOptions(detect_every=2))
    still = [picture((200, 200, 45, ALICE))]
    disc.landmarker.turned_rad = 0.7
    follow(tracker, still * 6)
    assert disc.identity.calls == 1
    disc.landmarker.turned_rad = 0.1
    follow(tracker, still * 6, start=6)
    assert disc.identity.calls == 2
    disc.landmarker.turned_rad = 0.6
    follow(tracker, still * 6, start=12)
    assert disc.identity.calls == 2


def test_a_face_in_doubt_is_carried_by_its_pixels_and_what_is_said_of_it_is_not_taken() -> None:
    disc = DiscEngine()
    tracker = FaceTracker(disc.engine)
    follow(tracker, walk(10))
    disc.landmarker.presence, disc.landmarker.offset_px = 0.2, 15
    answers = follow(tracker, walk(20)[10:], start=10)
    assert {a[0].track_id for a in answers} == {0}
    found = centers([a[0].face.landmarks.points for a in answers])
    np.testing.assert_allclose(found[:, 0], 150 + 3 * np.arange(10, 20), atol=1.5)
    assert answers[-1][0].face.score == 0.2


def test_a_doubt_that_lasts_is_settled_by_the_detector() -> None:
    disc = DiscEngine()
    tracker = FaceTracker(disc.engine, TrackingOptions(detect_every=1000, longest_doubt_s=0.3))
    still = [picture((200, 200, 45, ALICE))]
    follow(tracker, still * 3)
    disc.landmarker.presence = 0.2
    disc.detector.looked_at.clear()
    answers = follow(tracker, still * 8, start=3)
    assert disc.detector.looked_at == []
    answers += follow(tracker, still * 4, start=11)
    assert disc.detector.looked_at == [(252, 280)]  # three times the face, not the frame
    assert {a[0].track_id for a in answers} == {0}


def test_a_face_in_doubt_whose_pixels_do_not_move_as_one_is_lost() -> None:
    disc = DiscEngine()
    tracker = FaceTracker(disc.engine)
    follow(tracker, walk(5, 0))
    disc.landmarker.presence = 0.2
    disc.detector.smallest_px = 1e6
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    hidden = np.where(walk(1, 0)[0] > 30, noise, np.uint8(20))
    assert follow(tracker, [hidden], start=5) == [[]]


def test_people_of_one_search_are_numbered_from_left_to_right() -> None:
    image = picture((500, 200, 45, BOB), (320, 300, 60, CAROL), (100, 100, 30, ALICE))
    answer = FaceTracker(DiscEngine().engine).update(ArrayCanvas(image), 0)
    assert [t.person for t in answer] == [0, 1, 2]
    assert [round(t.face.box.center[0], -1) for t in answer] == [100, 320, 500]


def test_two_tracks_on_one_face_become_one() -> None:
    apart = [picture((200, 200, 45, ALICE), (320 - 6 * i, 200, 45, ALICE)) for i in range(18)]
    together = [picture((200, 200, 45, ALICE))] * 6
    answers = follow(FaceTracker(DiscEngine().engine), apart + together)
    assert [t.track_id for t in answers[-1]] == [0]


def test_what_the_detector_never_confirms_is_dropped() -> None:
    disc = DiscEngine()
    options = TrackingOptions(detect_every=2, missed_detections=3)
    tracker = FaceTracker(disc.engine, options)
    frames = walk(1, 0)
    follow(tracker, frames)
    disc.detector.smallest_px = 1e6  # from now on it sees nothing, while the landmarker still does
    answers = follow(tracker, frames * 8, start=1)
    assert [len(a) for a in answers] == [1] * 5 + [0] * 3


def test_a_video_without_faces_costs_no_landmarks() -> None:
    disc = DiscEngine()
    assert follow(FaceTracker(disc.engine), [picture()] * 5) == [[]] * 5
    assert disc.landmarker.calls == 0


def test_the_embedded_engine_searches_seldom_because_its_detector_is_slow() -> None:
    embedded = TrackingOptions.for_engine(EngineName.EMBEDDED)
    standard = TrackingOptions.for_engine(EngineName.STANDARD)
    assert embedded.detect_every >= 3 * standard.detect_every
    assert embedded.search_every > standard.search_every
    assert embedded.quick_side_px == 640  # its smallest face is twice as large


def test_the_same_frames_give_the_same_answers() -> None:
    def run() -> list[float]:
        disc = DiscEngine()
        disc.landmarker.noise_px = 0.3
        answers = follow(FaceTracker(disc.engine), walk(15, 3, ALICE, (450, 350, 40, BOB)))
        return [float(t.face.landmarks.points.sum()) for a in answers for t in a]

    assert run() == run()
