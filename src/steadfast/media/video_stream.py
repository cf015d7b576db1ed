"""The stream of pictures in an output: one way to set it up, for whole videos, for segments and for joins."""

from fractions import Fraction

import av
from av.container import OutputContainer as OpenOutput
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from steadfast.errors import EncodingFailed
from steadfast.media.colour import ColourTags
from steadfast.media.encoders import ChosenEncoder, repeatable_options
from steadfast.media.frame_shape import colours_in
from steadfast.media.video_info import VideoInfo

_USUAL_RATE = Fraction(25)
_GIF_TIME_BASE = Fraction(1, 100)


def add_video_stream(
    output: OpenOutput, chosen: ChosenEncoder, info: VideoInfo, *, threads: int, repeatable: bool = False
) -> VideoStream:
    """A stream whose encoder is ready to be opened; `info` is the input's: its times, rate and colours.

    The same arguments make the same encoder, so that segments of one video fit together; `repeatable` makes
    the same bytes of the same frames, too. Raises `EncodingFailed`.
    """
    is_gif = chosen.encoder.name == "gif"
    time_base = _GIF_TIME_BASE if is_gif else info.time_base
    rate = info.average_rate or _USUAL_RATE
    options = repeatable_options(chosen) if repeatable else dict(chosen.options)
    try:
        stream = output.add_stream(chosen.encoder.name, rate=rate, options=options, time_base=time_base)
    except (av.error.FFmpegError, ValueError) as error:
        raise EncodingFailed(f"{chosen.encoder.name} cannot be set up: {why(error)}.") from error
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height = chosen.shape.width, chosen.shape.height
    context.pix_fmt = "pal8" if is_gif else chosen.shape.pixel_format
    context.sample_aspect_ratio = info.sample_aspect_ratio
    context.thread_count = threads
    # PyAV's default cuts each frame into slices: larger files, and a call that waits for the whole frame.
    context.thread_type = "AUTO"
    if not is_gif:
        _tag(context, colours_in(chosen.shape, info.colours, info.pixel_format))
    return stream


def _tag(context: VideoCodecContext, colours: ColourTags) -> None:
    context.color_primaries, context.color_trc = colours.primaries, colours.transfer
    context.colorspace, context.color_range = colours.matrix, int(colours.range)


def why(error: Exception) -> str:
    """FFmpeg's own words for an error."""
    return getattr(error, "strerror", None) or str(error)
