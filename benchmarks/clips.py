"""Clips for the video benchmarks: one short clip looped to a length and scaled to a size."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

_FPS = 30
_SOUND_HZ = 48_000


def loop_clip(
    source: Path, output: Path, *, seconds: float, size: tuple[int, int], with_sound: bool = False
) -> Path:
    """Writes `source`, forwards and then again, at 30 frames a second; `size` is (width, height) in pixels.

    `with_sound` adds a hum.

    The result is H.264 of high quality and usual structure, so that decoding it costs what it costs users.
    """
    with av.open(output, "w") as container:
        stream = container.add_stream("libx264", rate=_FPS, options={"crf": "14", "preset": "veryfast"})
        assert isinstance(stream, VideoStream)
        stream.codec_context.width, stream.codec_context.height = size
        stream.codec_context.pix_fmt = "yuv420p"
        hum = container.add_stream("aac", rate=_SOUND_HZ, layout="mono") if with_sound else None
        wanted = round(seconds * _FPS)
        for index, frame in zip(range(wanted), _forever(source), strict=False):
            scaled = frame.reformat(width=size[0], height=size[1], format="yuv420p", interpolation="BICUBIC")
            scaled.pts, scaled.time_base = index, Fraction(1, _FPS)
            scaled.pict_type = PictureType.NONE
            container.mux(stream.encode(scaled))
        container.mux(stream.encode(None))
        if isinstance(hum, AudioStream):
            _hum(container, hum, seconds)
    return output


def _hum(container: OutputContainer, stream: AudioStream, seconds: float) -> None:
    samples = np.sin(np.arange(round(seconds * _SOUND_HZ), dtype=np.float32) / 30).reshape(1, -1)
    sound = AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    sound.sample_rate, sound.pts = _SOUND_HZ, 0
    container.mux(stream.encode(sound))
    container.mux(stream.encode(None))


def _forever(source: Path) -> Iterator[VideoFrame]:
    for _ in count():
        with av.open(source) as container:
            yield from container.decode(video=0)
