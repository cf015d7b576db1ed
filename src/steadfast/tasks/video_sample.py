"""How good a sampled part of a video is, in numbers: a few frames, compared with what was delivered.

While it is swapped, a short run of frames is remembered as it was before; when the file is written it is
decoded again, and the same frames of it are looked at. Nothing of them is kept after that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from av.video.frame import VideoFrame

from steadfast.faces.face import Embedding, Face
from steadfast.faces.quality import VideoMeter
from steadfast.media.canvas import BgrImage, Canvas, GreyImage, Region
from steadfast.media.delivered_frames import pixels_of
from steadfast.readings import Readings
from steadfast.tasks.face_exchange import DrawnExchange
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.frame_swap import FramePlan, FrameSwap
from steadfast.tasks.quality_sample import QualitySampler, fidelity

_RUN: Final = 8
"""Frames that are remembered, from the first swapped one on; for flicker they must follow each other."""
_WHOLE_EVERY: Final = 4
"""Of these, each such one as a whole: to look at its faces, and at everything outside of them."""
_SAME_TIME_S: Final = 0.006
"""GIFs count in hundredths of a second."""
_ROOM: Final = 0.25
"""Of the mask's size, by which a face may move within the run."""
_MOVES_FROM: Final = 0.5
"""Mean change of a sample (of 255) from which flicker can be told from the noise of the encoder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedPlan:
    """What is to be done to a frame, and which one it is."""

    plan: FramePlan
    time_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Remembered:
    """A frame as it was, as far as it is needed."""

    time_s: float
    window: BgrImage  # around the faces
    mask: GreyImage  # of the window
    whole: BgrImage | None
    faces: tuple[tuple[Face, Embedding], ...]  # and who they are to be


class SampledFrameSwap:
    """A frame swap that remembers a short run of frames."""

    def __init__(self, inner: FrameSwap, *, skip: int = 0) -> None:
        """`skip`: frames that lead in, and are not delivered."""
        self._inner = inner
        self._skip = skip
        self._window: Region | None = None
        self._run: list[_Remembered] = []
        self._is_over = False

    def analyse(self, canvas: Canvas, time_s: float) -> TimedPlan:
        """What the frame swap finds."""
        return TimedPlan(plan=self._inner.analyse(canvas, time_s), time_s=time_s)

    def swap(self, canvas: Canvas, analysis: TimedPlan) -> FrameOutcome:
        """What the frame swap does."""
        self._skip -= 1
        if self._is_over or self._skip >= 0 or not analysis.plan.parts:
            self._is_over = self._is_over or bool(self._run)
            return self._inner.swap(canvas, analysis.plan)
        whole = Region(left=0, top=0, right=canvas.width, bottom=canvas.height)
        before = canvas.read(whole)
        outcome = self._inner.swap(canvas, analysis.plan)
        self._remember(before, analysis, whole)
        return outcome

    def _remember(self, before: BgrImage, analysis: TimedPlan, whole: Region) -> None:
        written = self._inner.written
        if written and self._window is None:
            self._window = _around(written, whole)
        window = self._window
        if window is None or not written or not all(_lies_in(one.region, window) for one in written):
            self._is_over = bool(self._run)
            return
        faces = tuple((part.tracked.face, part.source.embedding) for part in analysis.plan.parts)
        self._run.append(
            _Remembered(
                time_s=analysis.time_s,
                window=_cut(before, window).copy(),
                mask=_mask_of(written, window),
                whole=before if len(self._run) % _WHOLE_EVERY == 0 else None,
                faces=faces,
            )
        )
        self._is_over = len(self._run) >= _RUN

    def readings(self, delivered: Iterable[tuple[float, VideoFrame]], sampler: QualitySampler) -> Readings:
        """What was measured; of several frames the mean. Raises what decoding them raises."""
        if not self._run or self._window is None:
            return {}
        waiting, found, flicker = list(self._run), list[Readings](), _Flicker()
        for time_s, frame in delivered:
            if not waiting:
                break
            one = next((kept for kept in waiting if abs(kept.time_s - time_s) < _SAME_TIME_S), None)
            if one is None:
                continue
            waiting.remove(one)
            after = pixels_of(frame)
            flicker.add(one, _cut(after, self._window))
            if one.whole is not None and one.whole.shape == after.shape:
                outside = np.ones(after.shape[:2], np.bool_)
                _cut(outside, self._window)[...] = one.mask == 0
                found.append(fidelity(one.whole, after, outside) | sampler.look(after, one.faces))
        return flicker.readings() | _means(found)


class _Flicker:
    """Of frames that follow each other."""

    def __init__(self) -> None:
        self._meter = VideoMeter()
        self._befores: list[BgrImage] = []

    def add(self, one: _Remembered, after: BgrImage) -> None:
        if after.shape == one.window.shape:
            self._meter.add(one.window, after, one.mask)
            self._befores.append(one.window)

    def readings(self) -> Readings:
        """None where there is one frame, or where nothing moves."""
        changes = [
            float(np.abs(later.astype(np.int16) - earlier).mean())
            for earlier, later in zip(self._befores, self._befores[1:], strict=False)
        ]
        if not changes or fmean(changes) < _MOVES_FROM:
            return {}
        return {"flicker": round(self._meter.result().flicker, 4)}


def _means(found: Sequence[Readings]) -> Readings:
    names = dict.fromkeys(name for one in found for name in one)
    return {name: round(fmean(one[name] for one in found if name in one), 4) for name in names}


def _around(written: Sequence[DrawnExchange], whole: Region) -> Region:
    left, top = min(one.region.left for one in written), min(one.region.top for one in written)
    right, bottom = max(one.region.right for one in written), max(one.region.bottom for one in written)
    across, down = round(_ROOM * (right - left)), round(_ROOM * (bottom - top))
    return Region(
        left=max(0, left - across),
        top=max(0, top - down),
        right=min(whole.right, right + across),
        bottom=min(whole.bottom, bottom + down),
    )


def _lies_in(region: Region, window: Region) -> bool:
    return (
        window.left <= region.left
        and window.top <= region.top
        and region.right <= window.right
        and region.bottom <= window.bottom
    )


def _mask_of(written: Sequence[DrawnExchange], window: Region) -> GreyImage:
    mask = np.zeros((window.height, window.width), np.uint8)
    for one in written:
        top, left = one.region.top - window.top, one.region.left - window.left
        mask[top : top + one.region.height, left : left + one.region.width] |= one.mask
    return mask


def _cut(pixels: np.ndarray, window: Region) -> np.ndarray:
    return pixels[window.top : window.bottom, window.left : window.right]
