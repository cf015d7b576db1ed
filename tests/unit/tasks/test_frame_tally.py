"""Frames are counted for what became of them, and a video with too many bad ones fails."""

import pytest

from steadfast.errors import FaceNotMatched, NoFace, TooManyBadFrames
from steadfast.media.video_writer import WrittenVideo
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.frame_tally import FrameAccount, FrameTally
from steadfast.tasks.video_report import Progress

SWAPPED = FrameOutcome(faces_found=1, faces_swapped=1)
NOBODY = FrameOutcome(faces_found=0, faces_swapped=0)
STRANGER = FrameOutcome(faces_found=1, faces_swapped=0)
WRITTEN = WrittenVideo(encoder="libx264", pixel_format="yuv420p", frames=0, sound=(), notes=("a note",))


class Clock:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def tally(
    expected: int | None = None, max_bad_frames: float = 0.01, clock: Clock | None = None
) -> FrameTally:
    return FrameTally(frames_expected=expected, max_bad_frames=max_bad_frames, clock=clock or Clock())


def test_each_frame_is_counted_once_for_what_became_of_it() -> None:
    account = tally(max_bad_frames=1.0)
    account.count(SWAPPED, None, is_repeat=False)
    account.count(FrameOutcome(faces_found=3, faces_swapped=2), None, is_repeat=False)
    account.count(NOBODY, None, is_repeat=False)
    account.count(STRANGER, None, is_repeat=False)
    account.count(None, ValueError("odd"), is_repeat=False)
    account.count(None, None, is_repeat=True)
    report = account.report("standard", ("m",), WRITTEN, 2.0)
    assert report.as_dict() == {
        "frames": 6,
        "frames_swapped": 2,
        "frames_without_face": 2,
        "frames_failed": 1,
        "frames_repeated": 1,
        "bad_frames": 2,
        "faces_swapped": 3,
        "seconds": 2.0,
        "fps": 3.0,
        "engine": "standard",
        "models": ["m"],
        "encoder": "libx264",
        "pixel_format": "yuv420p",
        "sound": [],
        "notes": ["a note", "First failure: ValueError: odd"],
    }


def test_one_bad_frame_in_a_hundred_is_allowed_and_two_are_not() -> None:
    account = tally()
    for _ in range(99):
        account.count(SWAPPED, None, is_repeat=False)
    account.count(None, ValueError("odd"), is_repeat=False)
    account.check_whole(needs_a_face=True)
    account.count(None, None, is_repeat=True)
    with pytest.raises(TooManyBadFrames, match="2 of 101 frames"):
        account.check_whole(needs_a_face=True)


def test_the_error_carries_the_first_failure_as_its_cause() -> None:
    account = tally()
    cause = ValueError("odd")
    account.count(None, cause, is_repeat=False)
    with pytest.raises(TooManyBadFrames) as caught:
        account.check_whole(needs_a_face=False)
    assert caught.value.__cause__ is cause


def test_a_video_of_known_length_fails_as_soon_as_no_good_frame_can_mend_it() -> None:
    account = tally(expected=100)
    account.count(None, None, is_repeat=True)
    with pytest.raises(TooManyBadFrames, match="about 110"):
        account.count(None, None, is_repeat=True)


def test_a_video_of_unknown_length_is_judged_at_its_end() -> None:
    account = tally(expected=None)
    for _ in range(5):
        account.count(None, None, is_repeat=True)
    with pytest.raises(TooManyBadFrames):
        account.check_whole(needs_a_face=False)


def test_frames_that_could_not_even_be_repeated_count_as_bad() -> None:
    account = tally()
    account.count(SWAPPED, None, is_repeat=False)
    account.note_undelivered(2)
    assert account.report("", (), WRITTEN, 1.0).frames_repeated == 2
    with pytest.raises(TooManyBadFrames):
        account.check_whole(needs_a_face=False)


def test_a_video_in_which_nobody_was_exchanged_is_no_output() -> None:
    account = tally()
    account.count(NOBODY, None, is_repeat=False)
    account.check_whole(needs_a_face=False)
    with pytest.raises(NoFace):
        account.check_whole(needs_a_face=True)
    account.count(STRANGER, None, is_repeat=False)
    with pytest.raises(FaceNotMatched):
        account.check_whole(needs_a_face=True)


def test_progress_tells_the_pace_of_the_last_seconds_and_what_is_left() -> None:
    clock, told = Clock(), list[Progress]()
    account = tally(expected=1000, clock=clock)
    for frame in range(1, 601):
        clock.now_s = frame * 0.1 if frame <= 300 else 30 + (frame - 300) * 0.05
        account.count(SWAPPED, None, is_repeat=False)
        account.tell(told.append)
    assert told[-1].fps == pytest.approx(20, rel=0.05)
    assert told[-1].time_left_s == pytest.approx(400 / 20, rel=0.1)
    assert told[-1].frames_expected == 1000
    assert len(told) < 300  # not for every frame


def test_a_video_of_unknown_length_has_no_time_left() -> None:
    clock, told = Clock(), list[Progress]()
    account = tally(clock=clock)
    for frame in range(10):
        clock.now_s = float(frame)
        account.count(SWAPPED, None, is_repeat=False)
        account.tell(told.append)
    assert told[-1].time_left_s is None
    assert told[-1].frames_done == 10


def test_accounts_of_segments_add_up_to_that_of_their_video() -> None:
    whole = FrameAccount(frames=3, swapped=2, failed=1, faces_found=2, faces_swapped=2, first_failure="first")
    whole.add(FrameAccount(frames=2, repeated=1, undelivered=1, first_failure="second"))
    assert whole == FrameAccount(
        frames=5,
        swapped=2,
        failed=1,
        repeated=1,
        undelivered=1,
        faces_found=2,
        faces_swapped=2,
        first_failure="first",
    )
    assert whole.bad == 3
