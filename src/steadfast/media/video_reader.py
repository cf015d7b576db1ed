"""Videos in: one pass over a file, frames upright and in order, other streams' packets beside them.

Only ordinary files are opened, by FFmpeg's own `file` protocol and with the demuxer that the content calls
for: a playlist that names other files or servers is never followed, whatever the file is called.
"""

import struct
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from steadfast.errors import (
    BadMedia,
    DamagedMedia,
    EmptyInput,
    InputMissing,
    MediaTooLarge,
    OutOfHostMemory,
    UnsupportedMedia,
)
from steadfast.media.colour import UNSPECIFIED, ColourTags, RangeCode
from steadfast.media.display_matrix import UPRIGHT, Orientation, orientation_of
from steadfast.media.frame_decoder import DecodedFrame, FrameDecoder
from steadfast.media.frame_shape import FrameShape, native_shape, reshaped
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits, check_pixels, identify
from steadfast.media.sniff import FileFormat
from steadfast.media.video_info import AudioTrack, VideoInfo

_DEMUXERS = {
    FileFormat.MP4: "mov",
    FileFormat.MATROSKA: "matroska",
    FileFormat.GIF: "gif",
    FileFormat.AVI: "avi",
}
_MAX_SIDE_PX = 65_535
_CUT_OFF_S = 0.5  # headers round; less than this is no cut
_CUT_OFF_SHARE = 0.02
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
        file_format = identify(path, limits)
        with ExitStack() as opened:
            if file_format is FileFormat.GIF:
                _check_gif_screen(path, limits)
            self._container = opened.enter_context(_opened(path, file_format, limits))
            self._stream = _video_stream(path, self._container)
            _check_header(path, self._container, self._stream, limits)
            self._decoder = FrameDecoder(self._stream, limits, threads=decoder_threads)
            self._file_format = file_format
            self._ends_s = 0.0
            self._packets_end_bytes = 0
            self._items = self._decoded_items()
            self._ahead, first = self._up_to_first_frame()
            self._orientation = orientation_of(first)
            self.info = _info(self._container, self._stream, first, self._orientation, file_format)
            self._shape = native_shape(self.info.pixel_format, self.info.width, self.info.height)
            self._close = opened.pop_all().close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._items.close()
        self._close()

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

    def audio_streams(self) -> tuple[Stream, ...]:
        """The streams whose packets come beside the frames, as templates for copies."""
        return tuple(stream for stream in self._container.streams if stream.type == "audio")

    def subtitle_streams(self) -> tuple[Stream, ...]:
        """Likewise."""
        return tuple(stream for stream in self._container.streams if stream.type == "subtitle")

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

    def _decoded_items(self) -> Generator[MediaItem]:
        wanted = [s for s in self._container.streams if s.type in ("audio", "subtitle") or s is self._stream]
        try:
            for packet in self._container.demux(wanted):
                self._note_end(packet)
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
        if missing_s > max(_CUT_OFF_S, _CUT_OFF_SHARE * duration_s):
            raise DamagedMedia(
                f"{self._path} breaks off after {self._ends_s:.1f} of {duration_s:.1f} seconds."
            )


def _opened(path: Path, file_format: FileFormat, limits: MediaLimits) -> InputContainer:
    demuxer = _DEMUXERS.get(file_format)
    if demuxer is None:
        raise UnsupportedMedia(
            f"{path} is {file_format.value}, which is not read as a video.",
            remedy="Use MP4, MOV, MKV, WebM, AVI or GIF.",
        )
    options = {"protocol_whitelist": "file", "max_pixels": str(limits.max_pixels)}
    try:
        # The prefix keeps a name such as "concat:a|b" from being taken for a protocol.
        return av.open(f"file:{path.resolve()}", format=demuxer, options=options, metadata_errors="replace")
    except (av.error.FileNotFoundError, av.error.PermissionError) as error:
        raise InputMissing(f"{path} cannot be opened: {error.strerror}.") from error
    except av.error.MemoryError as error:
        raise DamagedMedia(f"{path} asks for more memory than there is; its header is corrupt.") from error
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        raise DamagedMedia(f"{path} cannot be read as a video: {_reason(error)}.") from error


def _check_gif_screen(path: Path, limits: MediaLimits) -> None:
    """The screen on which all frames of a GIF are drawn, from bytes 6 to 9 of the file."""
    with path.open("rb") as file:
        header = file.read(10)
    if len(header) == 10:
        width_px, height_px = struct.unpack("<HH", header[6:])
        check_pixels(str(path), width_px, height_px, limits)


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    cover = False
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            cover = True
        elif stream.codec_context is None:
            raise UnsupportedMedia(f"{path} holds a video in a codec that this build cannot decode.")
        else:
            return stream
    what = "only sound and a cover picture" if cover else "no video"
    raise UnsupportedMedia(f"{path} has {what} in it.", remedy="Give a file that has moving pictures.")


def _check_header(path: Path, container: InputContainer, stream: VideoStream, limits: MediaLimits) -> None:
    context = stream.codec_context
    if context.width <= 0 or context.height <= 0:
        if not (stream.frames or stream.duration or container.duration):
            raise EmptyInput(f"{path} has no frames.", remedy="Export the video again; it has no pictures.")
        # FFmpeg answers the same for a size above the limit it was given, so that it need not be probed.
        raise DamagedMedia(
            f"The header of {path} gives no size of the picture, or one above"
            f" {limits.max_pixels / 1e6:.0f} megapixels."
        )
    if max(context.width, context.height) > _MAX_SIDE_PX:
        raise MediaTooLarge(f"{path} has a side of more than {_MAX_SIDE_PX} pixels.")
    check_pixels(str(path), context.width, context.height, limits)
    duration_s = _duration_s(container, stream)
    if duration_s is not None and duration_s > limits.max_duration_s:
        raise MediaTooLarge(
            f"{path} lasts {duration_s:.0f} seconds; the limit is {limits.max_duration_s:.0f}.",
            remedy="Cut it, or raise STEADFAST_MEDIA__MAX_DURATION_S.",
        )


def _info(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    orientation: Orientation,
    file_format: FileFormat,
) -> VideoInfo:
    width, height = first.width, first.height
    ratio = stream.sample_aspect_ratio or Fraction(1)
    if orientation.transpose:
        width, height, ratio = height, width, 1 / ratio
    rate = stream.average_rate or stream.guessed_rate
    duration_s = _duration_s(container, stream)
    return VideoInfo(
        file_format=file_format,
        codec=stream.codec_context.name,
        width=width,
        height=height,
        pixel_format=first.format.name,
        colours=_colours(stream, first),
        sample_aspect_ratio=ratio,
        was_turned=orientation != UPRIGHT,
        time_base=stream.time_base or Fraction(1, 1000),
        average_rate=rate if rate and 0 < rate <= 1000 else None,
        duration_s=duration_s,
        frames_expected=stream.frames or _frames_by_rate(duration_s, rate),
        audio=tuple(_audio_track(s) for s in container.streams if s.type == "audio"),
        other_streams=tuple(s.type for s in container.streams if s.type not in ("audio", "video")),
        metadata=tuple(container.metadata.items()),
    )


def _frames_by_rate(duration_s: float | None, rate: Fraction | None) -> int | None:
    return round(duration_s * rate) if duration_s and rate else None


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None


def _colours(stream: VideoStream, first: VideoFrame) -> ColourTags:
    """The decoder's word for each tag, the container's where the decoder has none."""
    context = stream.codec_context
    full_by_name = first.format.name.startswith("yuvj")
    range_ = int(first.color_range) or int(context.color_range)
    return ColourTags(
        primaries=_said(int(first.color_primaries), int(context.color_primaries)),
        transfer=_said(int(first.color_trc), int(context.color_trc)),
        matrix=_said(int(first.colorspace), int(context.colorspace)),
        range=RangeCode.FULL if full_by_name else RangeCode(range_),
    )


def _said(*codes: int) -> int:
    return next((code for code in codes if code not in (UNSPECIFIED, 3)), UNSPECIFIED)  # 3 is reserved


def _audio_track(stream: Stream) -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        index=stream.index,
        codec=context.name if context else "unknown",
        rate_hz=int(getattr(context, "sample_rate", 0) or 0),
        channels=int(getattr(context, "channels", 0) or 0),
        language=stream.language,
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


__all__ = ["BadMedia", "MediaItem", "VideoReader", "open_video"]
