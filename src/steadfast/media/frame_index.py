"""Every frame of a video by number, from its packets alone, and where to cut it into segments."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import msgspec

LEAD_IN_FRAMES = 8
"""Frames before a segment that are worked on and not written: after them tracking and tone have settled."""
_SHORTEST, _LONGEST = 0.6, 1.5  # of the wished length: how far a border may move to a cheaper place


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFrame:
    """A frame at which decoding can begin."""

    number: int
    """In the order of display."""
    pts: int
    dts: int
    """What some demuxers seek by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameIndex:
    """What the packets of a video tell."""

    pts: tuple[int, ...]
    """Of every frame, in the order of display."""
    keys: tuple[KeyFrame, ...]
    """In that order too; empty where this file can only be read from its beginning."""


def frame_index(pts: Iterable[int], keys: Iterable[tuple[int, int]]) -> FrameIndex:
    """The index of frames at these times, and of key frames given by pts and dts, all in any order."""
    shown: list[int] = []
    for value in sorted(pts):
        # As the decoder has it: of two frames of one time, the second is a unit later.
        shown.append(value if not shown or value > shown[-1] else shown[-1] + 1)
    return FrameIndex(
        pts=tuple(shown),
        keys=tuple(KeyFrame(number=bisect_left(shown, at), pts=at, dts=dts) for at, dts in sorted(keys)),
    )


class Span(msgspec.Struct, frozen=True, array_like=True):
    """The frames of one segment, by their times in the input."""

    first_pts: int | None
    """None: from the first frame on, whatever its time."""
    end_pts: int | None
    """Of the first frame that is not part of it; None: to the end."""
    lead_pts: int | None
    """Of the first frame of the lead-in; None: there is none."""
    seek: tuple[int, ...]
    """Times at which decoding may begin, the best first: a key frame's pts and dts, then the one before it.
    Empty: only at the beginning of the file."""
    frames: int
    """As planned."""


def cut(index: FrameIndex, *, seconds: float, time_base: float) -> tuple[Span, ...]:
    """Segments of about `seconds`.

    A border may stand anywhere, for decoding begins at the key frame before the lead-in. It costs least right
    after that key frame's lead-in, so it moves there if one is near.
    """
    borders = [0, *_borders(index, seconds=seconds, time_base=time_base), len(index.pts)]
    return tuple(_span(index, first, end) for first, end in pairwise(borders))


def _borders(index: FrameIndex, *, seconds: float, time_base: float) -> list[int]:
    pts, last = index.pts, 0
    cheap = [key.number + LEAD_IN_FRAMES for key in index.keys if key.number + LEAD_IN_FRAMES < len(pts)]
    cheap_pts = [pts[number] for number in cheap]
    step = seconds / time_base
    borders: list[int] = []
    while pts and pts[-1] - pts[last] > _LONGEST * step:
        wished = pts[last] + step
        low = bisect_left(cheap_pts, pts[last] + _SHORTEST * step)
        high = bisect_right(cheap_pts, pts[last] + _LONGEST * step)
        near = min(cheap[low:high], key=lambda number: abs(pts[number] - wished), default=None)
        last = max(last + 1, bisect_left(pts, wished) if near is None else near)
        borders.append(last)
    return borders


def _span(index: FrameIndex, first: int, end: int) -> Span:
    pts = index.pts
    lead = max(0, first - LEAD_IN_FRAMES)
    place = bisect_right(index.keys, lead, key=lambda key: key.number)
    keys = index.keys[max(0, place - 2) : place] if first else ()
    # That of a rolling refresh, or of damage, is none: then the one before may help.
    seek = [at for key in reversed(keys) if key.number for at in (key.pts, key.dts)]
    return Span(
        first_pts=pts[first] if first else None,
        end_pts=pts[end] if end < len(pts) else None,
        lead_pts=pts[lead] if first else None,
        seek=tuple(dict.fromkeys(seek)),
        frames=end - first,
    )
