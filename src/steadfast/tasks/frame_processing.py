"""What a video's pipeline asks of whatever changes its frames, in two steps so that they overlap.

While one thread looks for faces in frame n + 1, another exchanges those of frame n.
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from steadfast.media.canvas import Canvas

Analysis = TypeVar("Analysis")


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameOutcome:
    """What happened to one frame."""

    faces_found: int
    faces_swapped: int


class FrameProcessor(Protocol, Generic[Analysis]):
    """Changes frames one after another; each step is called from one thread, in the order of frames."""

    def analyse(self, canvas: Canvas, time_s: float) -> Analysis:
        """Looks at a frame and changes nothing."""
        ...

    def swap(self, canvas: Canvas, analysis: Analysis) -> FrameOutcome:
        """Changes the frame that was analysed, completely or, when it raises, not at all."""
        ...


class Untouched:
    """Passes frames as they are: what is kept of a segment that failed too often."""

    def analyse(self, canvas: Canvas, time_s: float) -> None:
        """Looks at nothing."""

    def swap(self, canvas: Canvas, analysis: None) -> FrameOutcome:  # noqa: ARG002 — the role's signature
        """Changes nothing."""
        return FrameOutcome(faces_found=0, faces_swapped=0)
