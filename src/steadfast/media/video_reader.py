"""Videos in: one pass over a file, frames upright and in order, other streams' packets beside them."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from steadfast.errors import DamagedMedia, EmptyInput, OutOfHostMemory
from steadfast.media.companions import Companions, companions_of
from steadfast.media.display_matrix import orientation_of
from steadfast.media.frame_decoder import DecodedFrame, FrameDecoder
from steadfast.media.frame_index import FrameIndex, Span, frame_index
from steadfast.media.frame_shape import FrameShape, native_shape, reshaped
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits, check_pixels, identify
from steadfast.media.sniff import FileFormat
from steadfast.media.video_header import check_header, describe, find_video_stream, open_container

# Headers round, and count streams that nobody shows: so much may be missing at the end of a whole file.
_LEAST_CUT_S, _MOST_CUT_S, _CUT_SHARE = 0.25, 3.0, 0.02
_HOLE_BYTES = 512  # more than the headers of a cluster and a block

MediaItem: TypeAlias = "DecodedFrame | Packet[Any]"
"""A frame of the video, or a packet of another stream as it is."""


def open_video(
    path: Path, limits: MediaLimits = DEFAULT_LIMITS, *, decoder_threads: int = 1
) -> "VideoReader":
    """Opens a video and looks at its first frame.

    Raises `InputMissing`, `EmptyInput` (no bytes, or no frames), `UnsupportedMedia` (no video in it),
    `MediaTooLarge` (by the header, before anything is decoded) and `DamagedMedia`.
    """
    return VideoReader(path, limits, decoder_threads=decoder_threads)


class VideoReader:
    """An open video; close it, or use it in a `with` block. One thread may iterate it, once."""

    def __init__(self, path: Path, limits: MediaLimits, *, decoder_threads: int) -> None:
        self._path = path
        self._limits = limits
        self._decoder_threads = decoder_threads
        file_format = identify(path, limits)
        with ExitStack() as opened:
            self._container = opened.enter_context(open_container(path, file_format, limits))
            self._stream = find_video_stream(path, self._container)
            check_header(path, self._container, self._stream, limits)
            self._decoder = FrameDecoder(self._stream, limits, threads=decoder_threads)
            self._file_format = file_format
            self._ends_s = 0.0
            self._packets_end_bytes = 0
            self._stopped_before: Packet[Any] | None = None
            self._items = self._decoded_items()
            self._ahead, first = self._up_to_first_frame()
            self._orientation = orientation_of(first)
            self.info = describe(self._container, self._stream, first, self._orientation, file_format)
            self._shape = native_shape(self.info.pixel_format, self.info.width, self.info.height)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._items.close()
        self._opened.close()

    @property
    def shape(self) -> FrameShape:
        """Size and pixel format in which frames are delivered."""
        return self._shape

    def deliver_as(self, shape: FrameShape) -> None:
        """Frames come in this shape from now on; call it before iterating."""
        self._shape = shape

    @property
    def bad_frames(self) -> int:
        """Frames so far that could not be decoded and are shown as repeats of the one before."""
        return self._decoder.bad_frames

    def companions(self, *, with_sound: bool = True) -> Companions:
        """The streams whose packets come beside the frames, and what else an output may carry over."""
        return companions_of(self._container, self._stream, with_sound=with_sound)

    def __iter__(self) -> Iterator[MediaItem]:
        """Frames in the order in which they are shown, and packets of audio and subtitles between them.

        Raises `DamagedMedia` at the end where the file breaks off before its header says it ends, and
        where no frame could be decoded at all.
        """
        while self._ahead:
            yield self._delivered(self._ahead.pop(0))
        for item in self._items:
            yield self._delivered(item)
        self._check_whole()

    def index(self, on_packet: Callable[[], None] = lambda: None) -> FrameIndex:
        """Every frame of the file, without decoding them; nothing can be iterated afterwards.

        Where packets do not tell the times of their frames, all is decoded once, and the file can only be
        read from its beginning. Raises `DamagedMedia` where the file breaks off before its header says it
        ends.
        """
        self._rewind()
        pts: list[int] = []
        keys: list[tuple[int, int]] = []
        with suppress(av.error.FFmpegError):  # how much is missing then is judged below
            for packet in self._packets():
                on_packet()
                if packet.stream is not self._stream or not packet.size:
                    continue
                if packet.pts is None:
                    return self._index_by_decoding(on_packet)
                if self._decoder.owes(packet):
                    pts.append(packet.pts)
                if packet.is_keyframe and packet.dts is not None and not packet.is_discard:
                    keys.append((packet.pts, packet.dts))
        self._check_whole()
        return frame_index(pts, keys)

    def _index_by_decoding(self, on_packet: Callable[[], None]) -> FrameIndex:
        self._rewind()
        pts: list[int] = []
        for item in self._decoded_items():
            on_packet()
            if isinstance(item, DecodedFrame):
                pts.append(item.pts)
        self._check_whole()
        return frame_index(pts, [])

    def frames_of(
        self, span: Span, on_passed_over: Callable[[], None] = lambda: None
    ) -> Iterator[DecodedFrame]:
        """The frames of a segment with its lead-in, in order; nothing else can be iterated afterwards.

        They are what reading the whole file would deliver. `on_passed_over` hears of frames that were only
        decoded on the way there.
        """
        self._begin_at(span)
        for item in chain(self._ahead, self._items):
            if not isinstance(item, DecodedFrame):
                continue
            if span.end_pts is not None and item.pts >= span.end_pts:
                return
            if span.lead_pts is not None and item.pts < span.lead_pts:
                on_passed_over()
                continue
            delivered = self._delivered(item)
            assert isinstance(delivered, DecodedFrame)
            yield delivered

    def frame_at(self, seek: tuple[int, ...]) -> VideoFrame | None:
        """The key frame of that time, or the first frame; nothing else can be iterated afterwards."""
        lead_pts = seek[0] if seek else None
        at_key = Span(first_pts=lead_pts, end_pts=None, lead_pts=lead_pts, seek=seek, frames=1)
        return next((item.frame for item in self.frames_of(at_key) if item.frame is not None), None)

    def packets_beside(self) -> "Iterator[Packet[Any]]":
        """The packets of sound and subtitles, no picture decoded; nothing else can be iterated then."""
        self._rewind()
        with suppress(av.error.FFmpegError):  # as when frames are read: what follows is lost
            for packet in self._packets():
                if packet.stream is not self._stream and (packet.size or packet.dts is not None):
                    yield packet

    def _begin_at(self, span: Span) -> None:
        """Decoding begins not behind the lead-in, as near to it as may be.

        Some demuxers seek by the times at which frames are shown, others by those at which they are decoded;
        and from some key frames, as those of a rolling refresh, decoders show nothing for a while.
        """
        for at in span.seek:
            if self._has_sought(at) and self._shows_by(span.lead_pts):
                return
        self._rewind()  # better slow than wrong
        self._items = self._decoded_items()

    def _shows_by(self, lead_pts: int | None) -> bool:
        """Whether the first frame that comes is whole and not behind `lead_pts`; it is kept."""
        began_at = self._first_pts_after_seek()
        if lead_pts is None or began_at is None or began_at > lead_pts:
            return False
        self._items = self._decoded_items()
        first = next((item for item in self._items if isinstance(item, DecodedFrame)), None)
        if first is None or first.frame is None or first.pts > lead_pts:
            return False
        self._ahead.append(first)
        return True

    def _has_sought(self, at: int) -> bool:
        self._forget_place()
        try:
            self._container.seek(at, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return False
        self._decoder.restart()
        return True

    def _rewind(self) -> None:
        """Begins the file again, opened anew.

        A seek to the beginning leaves out what sounds before the first picture, and some files cannot be
        sought in at all.
        """
        self._forget_place()
        self._container = self._opened.enter_context(
            open_container(self._path, self._file_format, self._limits)
        )
        self._stream = find_video_stream(self._path, self._container)
        self._decoder = FrameDecoder(self._stream, self._limits, threads=self._decoder_threads)

    def _forget_place(self) -> None:
        self._items.close()
        self._ahead.clear()
        self._ends_s, self._packets_end_bytes, self._stopped_before = 0.0, 0, None

    def _first_pts_after_seek(self) -> int | None:
        """Of the key frame where decoding will begin; the packet is kept."""
        for packet in self._packets():
            if packet.stream is self._stream and packet.is_keyframe:
                self._stopped_before = packet
                return packet.pts
        return None

    def _delivered(self, item: MediaItem) -> MediaItem:
        if isinstance(item, Packet) or item.frame is None:
            return item
        return item.with_frame(reshaped(item.frame, self._orientation, self._shape))

    def _up_to_first_frame(self) -> tuple[list[MediaItem], VideoFrame]:
        ahead: list[MediaItem] = []
        for item in self._items:
            ahead.append(item)
            if isinstance(item, DecodedFrame) and item.frame is not None:
                check_pixels(str(self._path), item.frame.width, item.frame.height, self._limits)
                return ahead, item.frame
        if self._decoder.packets:
            raise DamagedMedia(f"No frame of {self._path} can be decoded.")
        raise EmptyInput(f"{self._path} has no frames.", remedy="Export the video again; it has no pictures.")

    def _packets(self) -> Iterator["Packet[Any]"]:
        if self._stopped_before is not None:
            packet, self._stopped_before = self._stopped_before, None
            yield packet
        wanted = [s for s in self._container.streams if s.type in ("audio", "subtitle") or s is self._stream]
        for packet in self._container.demux(wanted):
            self._note_end(packet)
            yield packet

    def _decoded_items(self) -> Generator[MediaItem]:
        try:
            for packet in self._packets():
                self._note_hole(packet)
                if packet.stream is self._stream:
                    yield from self._decoder.decode(packet)
                elif packet.size or packet.dts is not None:  # the last of each stream is an empty signal
                    yield packet
        except av.error.MemoryError as error:
            raise OutOfHostMemory(f"Memory ran out while {self._path} was read.") from error
        except av.error.FFmpegError:
            # What follows cannot be read: whether that matters is judged by how much is missing.
            yield from self._decoder.finish()

    def _note_hole(self, packet: "Packet[Any]") -> None:
        """Matroska's demuxer skips damaged bytes in silence; its packets otherwise lie end to end."""
        if self._file_format is FileFormat.MATROSKA and packet.pos is not None and packet.size:
            if self._packets_end_bytes and packet.pos - self._packets_end_bytes > _HOLE_BYTES:
                self._decoder.note_hole()
            self._packets_end_bytes = packet.pos + packet.size

    def _note_end(self, packet: "Packet[Any]") -> None:
        if packet.pts is not None and packet.time_base:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._ends_s = max(self._ends_s, end)

    def _check_whole(self) -> None:
        duration_s = self.info.duration_s
        if duration_s is None:
            return
        start_s = max(0.0, (self._container.start_time or 0) / av.time_base)
        missing_s = start_s + duration_s - self._ends_s
        if self._file_format is FileFormat.MATROSKA:  # its duration counts from zero
            missing_s = duration_s - self._ends_s
        if missing_s > min(max(_LEAST_CUT_S, _CUT_SHARE * duration_s), _MOST_CUT_S):
            raise DamagedMedia(
                f"{self._path} breaks off after {self._ends_s:.1f} of {duration_s:.1f} seconds."
            )
