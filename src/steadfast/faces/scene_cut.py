"""Where one scene of a video ends and the next begins, told from a few hundred grey pixels per frame."""

from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.media.canvas import Canvas, GreyImage

_SIGNATURE_SIDE_PX = 64


@runtime_checkable
class SignedCanvas(Protocol):
    """A canvas that can show itself as a tiny grey picture without converting its colours."""

    def luma_signature(self) -> GreyImage:
        """Always the same size for frames of one video."""
        ...


class SceneCutDetector:
    """Compares each frame with the one before: a cut changes most of the picture and leaves nothing alike.

    Two things must come together: the mean change is large, and the two frames hardly correlate. Motion alone
    keeps frames correlated, a flash or a fade keeps them correlated too while the level changes.
    """

    def __init__(self, *, min_change: float = 18.0, max_correlation: float = 0.6) -> None:
        """`min_change` in grey levels, 0–255; `max_correlation` from -1 to 1."""
        self._min_change = min_change
        self._max_correlation = max_correlation
        self._before: NDArray[np.float32] | None = None

    def is_cut(self, canvas: Canvas) -> bool:
        """Whether this frame starts a new scene; the first frame does not."""
        now = signature(canvas)
        before, self._before = self._before, now
        if before is None:
            return False
        if before.shape != now.shape:
            return True
        if float(np.mean(np.abs(now - before))) < self._min_change:
            return False
        return correlation(now, before) < self._max_correlation


def signature(canvas: Canvas) -> NDArray[np.float32]:
    """A tiny grey picture of the canvas, H × W, 0–255."""
    if isinstance(canvas, SignedCanvas):
        return canvas.luma_signature().astype(np.float32)
    small, _ = canvas.thumbnail(_SIGNATURE_SIDE_PX)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's correlation of two pictures of one size; 1 where one of them is a plain area."""
    a, b = one - one.mean(), other - other.mean()
    strength = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / strength if strength > 1e-3 else 1.0
