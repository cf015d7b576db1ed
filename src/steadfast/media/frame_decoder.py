"""Decodes one stream's packets into frames, and knows which frames it owes.

A frame that cannot be decoded must not vanish, nor be painted grey by the decoder's concealment: it is
delivered as a repeat of the one before, at its own time.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from steadfast.errors import OutOfHostMemory
from steadfast.media.limits import MediaLimits

_MOST_LOST_FRAMES = 10_000  # a longer gap is a time stamp gone wild, not lost frames
_VP8_IS_SHOWN = 0x10  # bit of the first byte of a VP8 frame (RFC 6386, 9.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedFrame:
    """A frame in the order of display."""

    frame: VideoFrame | None  # None: it could not be decoded, the one before is shown on
    pts: int  # in units of the stream's time base
    time_s: float

    def with_frame(self, frame: VideoFrame) -> "DecodedFrame":
        """The same moment with other pixels."""
        return replace(self, frame=frame)


class FrameDecoder:
    """The decoder of a stream, with its account of frames that went in and did not come out."""

    def __init__(self, stream: VideoStream, limits: MediaLimits, *, threads: int) -> None:
        self._context = stream.codec_context
        self._context.thread_count = threads
        if threads > 1:
            self._context.thread_type = "AUTO"
        self._context.options = {"max_pixels": str(limits.max_pixels)}
        self._stream = stream
        self._time_base = stream.time_base
        rate = stream.average_rate or stream.guessed_rate
        self._usual_step = max(1, round(1 / (rate * self._time_base))) if rate and self._time_base else 1
        self._owed: list[int] = []  # heap of the times of packets whose frame has not come yet
        self._has_hole = False  # bytes of the file were lost, and with them packets nobody counted
        self._failures = 0  # errors of the decoder that no missing frame accounts for yet
        self._last_pts: int | None = None
        self._has_delivered = False
        self.packets = 0
        self.bad_frames = 0

    def restart(self) -> None:
        """Begins anew after a seek: nothing is owed, nothing was delivered."""
        self._context.flush_buffers()
        self._owed.clear()
        self._has_hole, self._failures = False, 0
        self._last_pts, self._has_delivered = None, False
        self.bad_frames = 0

    def owes(self, packet: "Packet[Any]") -> bool:
        """Whether the packet says that it holds a frame to be shown."""
        if packet.is_discard or packet.pts is None:
            return False
        return self._context.name not in ("vp8", "libvpx") or bool(bytes(packet)[0] & _VP8_IS_SHOWN)

    def decode(self, packet: "Packet[Any]") -> Iterator[DecodedFrame]:
        """The frames that this packet completes; an empty packet asks for those still inside."""
        is_end = not packet.size
        if not is_end:
            self.packets += 1
            self._note_owed(packet)
        try:
            frames = self._context.decode(packet)
        except av.error.MemoryError as error:
            raise OutOfHostMemory("Memory ran out while a frame was decoded.") from error
        except (av.error.FFmpegError, EOFError):
            self._failures += 1
            frames = []
        for frame in frames:
            yield from self._in_order(frame)
        if is_end:
            yield from self._owed_before(None)

    def finish(self) -> Iterator[DecodedFrame]:
        """What is still inside when the file cannot be read on."""
        try:
            frames = self._context.decode(None)
        except (av.error.FFmpegError, EOFError):
            self._failures += 1
            frames = []
        for frame in frames:
            yield from self._in_order(frame)
        yield from self._owed_before(None)

    def note_hole(self) -> None:
        """Says that bytes were skipped before the next packet: the gap in time that follows is filled."""
        self._has_hole = True

    def _note_owed(self, packet: "Packet[Any]") -> None:
        """A packet owes a frame unless it says that it is not shown."""
        if self.owes(packet):
            assert packet.pts is not None
            heapq.heappush(self._owed, packet.pts)

    def _in_order(self, frame: VideoFrame) -> Iterator[DecodedFrame]:
        pts = frame.pts if frame.pts is not None else self._next_pts()
        yield from self._owed_before(pts)
        yield from self._lost_before(pts)
        if self._owed and self._owed[0] == pts:
            heapq.heappop(self._owed)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1  # two frames of one time: players and encoders need an order
        if frame.is_corrupt and self._has_delivered:
            yield self._repeat(pts)
            return
        if frame.is_corrupt:
            self.bad_frames += 1
        self._has_delivered = True
        yield self._delivered(frame, pts)

    def _owed_before(self, pts: int | None) -> Iterator[DecodedFrame]:
        """Repeats for frames that should have come before `pts`, as far as errors account for them.

        Decoders swallow some packets without an error, because they hold nothing to show: those are let go.
        """
        while self._owed and (pts is None or self._owed[0] < pts):
            owed = heapq.heappop(self._owed)
            if not self._failures:
                continue
            self._failures -= 1
            if self._has_delivered and (self._last_pts is None or owed > self._last_pts):
                yield self._repeat(owed)
            else:
                self.bad_frames += 1

    def _lost_before(self, pts: int) -> Iterator[DecodedFrame]:
        """Repeats at the usual pace across the gap that a hole in the file left."""
        if not self._has_hole or self._last_pts is None:
            return
        lost = round((pts - self._last_pts) / self._usual_step) - 1
        if lost < 1 or lost > _MOST_LOST_FRAMES:
            return
        self._has_hole = False
        first = self._last_pts
        for index in range(1, lost + 1):
            yield self._repeat(first + (pts - first) * index // (lost + 1))

    def _repeat(self, pts: int) -> DecodedFrame:
        self.bad_frames += 1
        return self._delivered(None, pts)

    def _delivered(self, frame: VideoFrame | None, pts: int) -> DecodedFrame:
        self._last_pts = pts
        if frame is not None:
            frame.pts = pts
            frame.time_base = self._time_base
        return DecodedFrame(frame=frame, pts=pts, time_s=float(pts * (self._time_base or 0)))

    def _next_pts(self) -> int:
        return 0 if self._last_pts is None else self._last_pts + self._usual_step
