"""Opens a video file and judges its header, before anything of it is decoded.

Only ordinary files are opened, by FFmpeg's own `file` protocol and with the demuxer that the content calls
for: a playlist that names other files or servers is never followed, whatever the file is called.
"""

import struct
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from steadfast.errors import DamagedMedia, EmptyInput, InputMissing, MediaTooLarge, UnsupportedMedia
from steadfast.media.colour import UNSPECIFIED, ColourTags, RangeCode
from steadfast.media.display_matrix import UPRIGHT, Orientation
from steadfast.media.limits import MediaLimits, check_pixels
from steadfast.media.sniff import FileFormat
from steadfast.media.video_info import AudioTrack, VideoInfo

_DEMUXERS = {
    FileFormat.MP4: "mov",
    FileFormat.MATROSKA: "matroska",
    FileFormat.GIF: "gif",
    FileFormat.AVI: "avi",
}
_MAX_SIDE_PX = 65_535
_RESERVED = 3  # H.273 gives this code of primaries, transfer and matrix no meaning


def open_container(path: Path, file_format: FileFormat, limits: MediaLimits) -> InputContainer:
    """Opens the file; raises `UnsupportedMedia`, `InputMissing`, `MediaTooLarge` or `DamagedMedia`."""
    demuxer = _DEMUXERS.get(file_format)
    if demuxer is None:
        raise UnsupportedMedia(
            f"{path} is {file_format.value}, which is not read as a video.",
            remedy="Use MP4, MOV, MKV, WebM, AVI or GIF.",
        )
    if file_format is FileFormat.GIF:
        _check_gif_screen(path, limits)
    options = {"protocol_whitelist": "file", "max_pixels": str(limits.max_pixels)}
    try:
        # The prefix keeps a name such as "concat:a|b" from being taken for a protocol.
        return av.open(f"file:{path.resolve()}", format=demuxer, options=options, metadata_errors="replace")
    except (av.error.FileNotFoundError, av.error.PermissionError) as error:
        raise InputMissing(f"{path} cannot be opened: {error.strerror}.") from error
    except av.error.MemoryError as error:
        raise DamagedMedia(f"{path} asks for more memory than there is; its header is corrupt.") from error
    except (av.error.InvalidDataError, av.error.EOFError) as error:  # the words for a missing index or header
        raise DamagedMedia(f"{path} is cut off or corrupt ({file_format.name}).") from error
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        raise DamagedMedia(f"{path} cannot be read as a video: {_reason(error)}.") from error


def _check_gif_screen(path: Path, limits: MediaLimits) -> None:
    """The screen on which all frames of a GIF are drawn, from bytes 6 to 9 of the file."""
    with path.open("rb") as file:
        header = file.read(10)
    if len(header) == 10:
        width_px, height_px = struct.unpack("<HH", header[6:])
        check_pixels(str(path), width_px, height_px, limits)


def find_video_stream(path: Path, container: InputContainer) -> VideoStream:
    """The first stream of moving pictures that can be decoded; raises `UnsupportedMedia` without one."""
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


def check_header(path: Path, container: InputContainer, stream: VideoStream, limits: MediaLimits) -> None:
    """Raises `MediaTooLarge`, `EmptyInput` or `DamagedMedia` for what the header claims."""
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


def describe(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    orientation: Orientation,
    file_format: FileFormat,
) -> VideoInfo:
    """What the header and the first frame say."""
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
    return next((code for code in codes if code not in (UNSPECIFIED, _RESERVED)), UNSPECIFIED)


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
