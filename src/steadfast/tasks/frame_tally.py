"""Counts the frames of one video as they are written, tells how far it is, and says when too many are bad."""

from collections import deque
from collections.abc import Callable

import msgspec

from steadfast.errors import FaceNotMatched, InvalidModelOutput, NoFace, TooManyBadFrames
from steadfast.media.video_writer import WrittenVideo
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.video_report import OnProgress, Progress, VideoReport

_WINDOW_S = 5.0
_BETWEEN_TELLS_S = 0.2
_HEADERS_MAY_BE_SHORT = 1.1  # expected numbers of frames are estimates; none is failed early for that


class FrameAccount(msgspec.Struct, kw_only=True):
    """What became of frames, as counts; those of segments add up to that of their video."""

    frames: int = 0
    """Written, repeats included."""
    swapped: int = 0
    """With at least one face exchanged."""
    without_face: int = 0
    """Passed through untouched."""
    failed: int = 0
    """Kept their original because the swap failed."""
    repeated: int = 0
    """Could not be decoded and show the one before."""
    undelivered: int = 0
    """Could not be decoded at the very start, where there was none before."""
    faces_found: int = 0
    faces_swapped: int = 0
    first_failure: str = ""
    """Class and message; empty: there was none."""

    @property
    def bad(self) -> int:
        """Those that `max_bad_frames` bounds."""
        return self.failed + self.repeated + self.undelivered

    def add(self, other: "FrameAccount") -> None:
        """Takes in the account of what follows."""
        failure = self.first_failure or other.first_failure
        for name in set(self.__struct_fields__) - {"first_failure"}:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first_failure = failure


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
        self.account = FrameAccount()
        self._first_failure: Exception | None = None

    def count(self, outcome: FrameOutcome | None, failure: Exception | None, *, is_repeat: bool) -> None:
        """Adds a frame that was written; raises `TooManyBadFrames` once no good frame can mend it."""
        account = self.account
        account.frames += 1
        account.faces_found += outcome.faces_found if outcome is not None else 0
        if is_repeat:
            account.repeated += 1
        elif failure is not None:
            account.failed += 1
            self._note_failure(failure)
        elif outcome is not None and outcome.faces_swapped:
            account.swapped += 1
            account.faces_swapped += outcome.faces_swapped
        else:
            account.without_face += 1
        if self._frames_expected and (is_repeat or failure is not None):
            likely = max(account.frames, round(self._frames_expected * _HEADERS_MAY_BE_SHORT))
            self._check_against(likely, f"about {likely}")

    def _note_failure(self, failure: Exception) -> None:
        if self._first_failure is None:
            self._first_failure = failure
            self.account.first_failure = f"{type(failure).__name__}: {failure}"

    def check_model(self) -> None:
        """Raises `InvalidModelOutput` where most frames failed of it: the worker is sick, not the video."""
        failure = self._first_failure
        if isinstance(failure, InvalidModelOutput) and 2 * self.account.failed > self.account.frames:
            raise InvalidModelOutput(
                f"{self.account.failed} of {self.account.frames} frames: {failure.detail}"
            ) from failure

    def note_undelivered(self, undecodable: int) -> None:
        """Adds frames at the very start that could not be decoded and had none before them to repeat."""
        self.account.undelivered = max(0, undecodable - self.account.repeated)

    def check_whole(self, *, needs_a_face: bool) -> None:
        """Raises `TooManyBadFrames` where the whole video has more than it may.

        With `needs_a_face` also `NoFace` where no frame shows one, and `FaceNotMatched` where none of those
        it shows was exchanged: an output that only pretends to be changed is no output.
        """
        account = self.account
        self._check_against(account.frames, f"{account.frames}")
        if needs_a_face and not account.faces_found:
            raise NoFace(
                "No face was found in any frame of the video.",
                remedy="Use a video in which a face is well lit, upright and at least 40 pixels wide.",
            )
        if needs_a_face and not account.faces_swapped:
            raise FaceNotMatched("The video shows faces, but none of them could be exchanged as asked.")

    def tell(self, on_progress: OnProgress | None) -> None:
        """Reports progress, a few times a second."""
        now_s = self._clock()
        if on_progress is None or (self._told_s is not None and now_s - self._told_s < _BETWEEN_TELLS_S):
            return
        self._told_s = now_s
        self._recent.append((now_s, self.account.frames))
        while len(self._recent) > 2 and now_s - self._recent[0][0] > _WINDOW_S:
            self._recent.popleft()
        since_s, since_frames = self._recent[0]
        fps = (self.account.frames - since_frames) / (now_s - since_s) if now_s > since_s else 0.0
        on_progress(
            Progress(
                frames_done=self.account.frames,
                frames_expected=self._frames_expected,
                fps=fps,
                time_left_s=self._time_left_s(fps),
            )
        )

    def report(
        self, engine: str, models: tuple[str, ...], written: WrittenVideo, seconds: float
    ) -> VideoReport:
        """The account as it stands."""
        account, notes = self.account, list(written.notes)
        if account.first_failure:
            notes.append(f"First failure: {account.first_failure}")
        return VideoReport(
            frames=account.frames,
            frames_swapped=account.swapped,
            frames_without_face=account.without_face,
            frames_failed=account.failed,
            frames_repeated=account.repeated + account.undelivered,
            faces_swapped=account.faces_swapped,
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
        return max(0, self._frames_expected - self.account.frames) / fps

    def _check_against(self, frames: int, said: str) -> None:
        account = self.account
        bad = account.bad
        if bad > self._max_bad_frames * frames:
            raise TooManyBadFrames(
                f"{bad} of {said} frames are bad ({account.failed} could not be swapped,"
                f" {bad - account.failed} could not be decoded); {self._max_bad_frames:.1%} may be."
            ) from self._first_failure
