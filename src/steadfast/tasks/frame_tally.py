"""Counts the frames of one video as they are written, tells how far it is, and says when too many are bad."""

from collections import deque
from collections.abc import Callable

from steadfast.errors import FaceNotMatched, NoFace, TooManyBadFrames
from steadfast.media.video_writer import WrittenVideo
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.video_report import OnProgress, Progress, VideoReport

_WINDOW_S = 5.0
_BETWEEN_TELLS_S = 0.2
_HEADERS_MAY_BE_SHORT = 1.1  # expected numbers of frames are estimates; none is failed early for that


class FrameTally:
    """The account of one video; one thread uses it."""

    def __init__(
        self, *, frames_expected: int | None, max_bad_frames: float, clock: Callable[[], float]
    ) -> None:
        self._frames_expected = frames_expected
        self._max_bad_frames = max_bad_frames
        self._clock = clock
        self._recent: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._told_s: float | None = None
        self._frames = self._swapped = self._without_face = self._failed = self._repeated = self._faces = 0
        self._found = 0  # faces
        self._undelivered = 0
        self._first_failure: Exception | None = None

    def count(self, outcome: FrameOutcome | None, failure: Exception | None, *, is_repeat: bool) -> None:
        """Adds a frame that was written; raises `TooManyBadFrames` once no good frame can mend it."""
        self._frames += 1
        self._found += outcome.faces_found if outcome is not None else 0
        if is_repeat:
            self._repeated += 1
        elif failure is not None:
            self._failed += 1
            self._first_failure = self._first_failure or failure
        elif outcome is not None and outcome.faces_swapped:
            self._swapped += 1
            self._faces += outcome.faces_swapped
        else:
            self._without_face += 1
        if self._frames_expected and (is_repeat or failure is not None):
            likely = max(self._frames, round(self._frames_expected * _HEADERS_MAY_BE_SHORT))
            self._check_against(likely, f"about {likely}")

    def note_undelivered(self, undecodable: int) -> None:
        """Adds frames at the very start that could not be decoded and had none before them to repeat."""
        self._undelivered = max(0, undecodable - self._repeated)

    def check_whole(self, *, needs_a_face: bool) -> None:
        """Raises `TooManyBadFrames` where the whole video has more than it may.

        With `needs_a_face` also `NoFace` where no frame shows one, and `FaceNotMatched` where none of those
        it shows was exchanged: an output that only pretends to be changed is no output.
        """
        self._check_against(self._frames, f"{self._frames}")
        if needs_a_face and not self._found:
            raise NoFace(
                "No face was found in any frame of the video.",
                remedy="Use a video in which a face is well lit, upright and at least 40 pixels wide.",
            )
        if needs_a_face and not self._faces:
            raise FaceNotMatched("The video shows faces, but none of them could be exchanged as asked.")

    def tell(self, on_progress: OnProgress | None) -> None:
        """Reports progress, a few times a second."""
        now_s = self._clock()
        if on_progress is None or (self._told_s is not None and now_s - self._told_s < _BETWEEN_TELLS_S):
            return
        self._told_s = now_s
        self._recent.append((now_s, self._frames))
        while len(self._recent) > 2 and now_s - self._recent[0][0] > _WINDOW_S:
            self._recent.popleft()
        since_s, since_frames = self._recent[0]
        fps = (self._frames - since_frames) / (now_s - since_s) if now_s > since_s else 0.0
        on_progress(
            Progress(
                frames_done=self._frames,
                frames_expected=self._frames_expected,
                fps=fps,
                time_left_s=self._time_left_s(fps),
            )
        )

    def report(
        self, engine: str, models: tuple[str, ...], written: WrittenVideo, seconds: float
    ) -> VideoReport:
        """The account as it stands."""
        notes = list(written.notes)
        if self._first_failure is not None:
            notes.append(f"First failure: {type(self._first_failure).__name__}: {self._first_failure}")
        return VideoReport(
            frames=self._frames,
            frames_swapped=self._swapped,
            frames_without_face=self._without_face,
            frames_failed=self._failed,
            frames_repeated=self._repeated + self._undelivered,
            faces_swapped=self._faces,
            seconds=seconds,
            engine=engine,
            models=models,
            encoder=written.encoder,
            pixel_format=written.pixel_format,
            sound=written.sound,
            notes=tuple(notes),
        )

    def _time_left_s(self, fps: float) -> float | None:
        if self._frames_expected is None or fps <= 0:
            return None
        return max(0, self._frames_expected - self._frames) / fps

    def _check_against(self, frames: int, said: str) -> None:
        bad = self._failed + self._repeated + self._undelivered
        if bad > self._max_bad_frames * frames:
            raise TooManyBadFrames(
                f"{bad} of {said} frames are bad ({self._failed} could not be swapped,"
                f" {bad - self._failed} could not be decoded); {self._max_bad_frames:.1%} may be."
            ) from self._first_failure
