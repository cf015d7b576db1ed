"""What became of a video, and how far it is, as plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a video is."""

    frames_done: int
    frames_expected: int | None  # None where the header does not allow to tell
    fps: float  # frames per second over the last seconds
    time_left_s: float | None


OnProgress = Callable[[Progress], None]
"""Called from the thread that started the work, a few times a second; what it raises ends the work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoReport:
    """What became of a video."""

    frames: int  # written, repeats included
    frames_swapped: int  # with at least one face exchanged
    frames_without_face: int  # passed through untouched: no face, or none that was asked for
    frames_failed: int  # kept their original because the swap failed
    frames_repeated: int  # could not be decoded and show the one before
    faces_swapped: int
    seconds: float
    engine: str
    models: tuple[str, ...]
    encoder: str
    pixel_format: str
    sound: tuple[str, ...]  # a sentence per audio stream
    notes: tuple[str, ...]  # fallbacks, and what is not as the input had it
    quality: dict[str, Any] | None = None  # where it was measured: see `tasks.swap_quality`

    @property
    def bad_frames(self) -> int:
        """Those that `max_bad_frames` bounds."""
        return self.frames_failed + self.frames_repeated

    @property
    def fps(self) -> float:
        """Frames per second over the whole run."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain data, for JSON."""
        return {
            "frames": self.frames,
            "frames_swapped": self.frames_swapped,
            "frames_without_face": self.frames_without_face,
            "frames_failed": self.frames_failed,
            "frames_repeated": self.frames_repeated,
            "bad_frames": self.bad_frames,
            "faces_swapped": self.faces_swapped,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "engine": self.engine,
            "models": list(self.models),
            "encoder": self.encoder,
            "pixel_format": self.pixel_format,
            "sound": list(self.sound),
            "notes": list(self.notes),
        }
