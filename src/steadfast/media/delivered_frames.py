"""Frames as who receives them sees them: decoded from what an encoder has just made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from steadfast.errors import DamagedMedia
from steadfast.media.canvas import BgrImage, Region
from steadfast.media.encoders import ENCODERS
from steadfast.media.planes import PlaneCanvas
from steadfast.media.segment_file import OpenSegment
from steadfast.media.video_stream import why

_DECODERS: Final = {"av1": "libdav1d"}
"""By codec, where the decoder of that name asks for a device."""


def frames_of_segment(file: Path) -> Iterator[tuple[float, VideoFrame]]:
    """The frames of a segment file with their times in seconds, in the order in which they are shown.

    Raises `DamagedMedia`.
    """
    with OpenSegment(file) as segment:
        unit = segment.header.unit
        try:
            context = av.CodecContext.create(_codec_of(segment.header.encoder), "r")
            assert isinstance(context, VideoCodecContext)
            context.extradata = segment.header.extradata or None
            for coded in segment:
                # Without dts: it is the muxer's, and the decoder goes by the order in which packets come.
                for frame in context.decode(_packet_of(coded.data, coded.pts)):
                    yield float((frame.pts or 0) * unit), frame
            for frame in context.decode(None):
                yield float((frame.pts or 0) * unit), frame
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, ValueError) as error:
            raise DamagedMedia(f"The segment {file.name} cannot be decoded: {why(error)}.") from error


def frames_of_video(file: Path) -> Iterator[tuple[float, VideoFrame]]:
    """The same of a whole video."""
    try:
        with av.open(str(file)) as container:
            for frame in container.decode(video=0):
                yield frame.time or 0.0, frame
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise DamagedMedia(f"The video {file.name} cannot be decoded: {why(error)}.") from error


def pixels_of(frame: VideoFrame) -> BgrImage:
    """The whole frame, height × width × 3, BGR."""
    if not PlaneCanvas.is_supported(frame.format.name):
        return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)  # of a palette, as GIFs have
    return PlaneCanvas(frame).read(Region(left=0, top=0, right=frame.width, bottom=frame.height))


def _codec_of(encoder: str) -> str:
    """What FFmpeg calls the decoder of that encoder's packets."""
    known = ENCODERS.get(encoder)
    codec = known.codec if known is not None else encoder
    return _DECODERS.get(codec, codec)


def _packet_of(data: bytes, pts: int) -> "av.Packet[Any]":
    packet: av.Packet[Any] = av.Packet(data)
    packet.pts = pts
    return packet
