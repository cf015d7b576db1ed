"""Small videos with known properties, made on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from steadfast.media.colour import ColourTags

AUDIO_HZ = 48_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a video is to be."""

    size: tuple[int, int] = (64, 48)
    frames: int = 12
    pts: Sequence[int] | None = None  # of each frame; None: 0, 1, 2 …
    time_base: Fraction = Fraction(1, 25)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    muxer: str | None = None
    muxer_options: dict[str, str] = field(default_factory=dict)
    colours: ColourTags = field(default_factory=ColourTags)
    aspect: Fraction | None = None  # of a pixel
    rotation_deg: float | None = None  # counter-clockwise, by the display matrix
    sound: tuple[str, ...] = ()  # an encoder for each audio stream
    languages: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: list[Any] = field(default_factory=list)
    font: bytes = b""  # attached to the file


def make_video(path: Path, recipe: Recipe | None = None, **changes: Any) -> Path:
    """Writes the video; frame n shows a bar that has moved n steps, so that no two look alike."""
    recipe = recipe or Recipe(**changes)
    with av.open(path, "w", format=recipe.muxer, options=recipe.muxer_options) as container:
        container.metadata.update(recipe.metadata)
        container.set_chapters(recipe.chapters)
        video = _video_stream(container, recipe)
        sound = [_sound_stream(container, recipe, index) for index in range(len(recipe.sound))]
        if recipe.font:
            container.add_attachment("a.ttf", "font/ttf", recipe.font)
        times = list(recipe.pts if recipe.pts is not None else range(recipe.frames))
        for index, pts in enumerate(times):
            frame = picture_frame(index, recipe.size, recipe.pixel_format)
            frame.colorspace, frame.color_range = recipe.colours.matrix, int(recipe.colours.range)
            frame.pts, frame.time_base = pts, recipe.time_base
            container.mux(video.encode(frame))
        if times:
            container.mux(video.encode(None))
        for stream in sound:
            _write_beep(container, stream, seconds=(times[-1] + 1) * float(recipe.time_base))
        if not times:
            container.start_encoding()
    return path


def add_beep(container: OutputContainer, codec: str, *, seconds: float) -> None:
    """Adds a stream of sound and writes all of it."""
    _write_beep(container, _sound_stream(container, Recipe(sound=(codec,)), 0), seconds=seconds)


def picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The BGR picture of frame `index`: a bright bar moves from left to right over a shaded ground."""
    width, height = size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([60 + across % 64, 80 + down % 64, np.full_like(across, 100)], axis=-1).astype(np.uint8)
    left = (index * max(2, width // 16)) % width
    pixels[:, left : left + max(2, width // 8)] = (200, 220, 240)
    return pixels


def picture_frame(index: int, size: tuple[int, int], pixel_format: str) -> VideoFrame:
    """The same as a frame of that format."""
    return VideoFrame.from_ndarray(picture(index, size), format="bgr24").reformat(format=pixel_format)


def frame_times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds, exactly."""
    with av.open(path) as container:
        frames = container.decode(video=0)
        return [frame.pts * frame.time_base for frame in frames if frame.pts is not None and frame.time_base]


def packets(path: Path, kind: str) -> list[bytes]:
    """The packets of the first stream of a kind, as they lie in the file."""
    with av.open(path) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def planes(path: Path) -> list[list[bytes]]:
    """Every sample of every frame of a planar video, without the padding of its rows."""
    with av.open(path) as container:
        return [
            [
                _without_padding(plane, 2 if frame.format.components[0].bits > 8 else 1)
                for plane in frame.planes
            ]
            for frame in container.decode(video=0)
        ]


def _without_padding(plane: Any, sample_bytes: int) -> bytes:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
    return bytes(rows[:, : plane.width * sample_bytes].tobytes())


def _video_stream(container: OutputContainer, recipe: Recipe) -> VideoStream:
    rate = Fraction(25)
    stream = container.add_stream(
        recipe.codec, rate=rate, options=dict(recipe.options), time_base=recipe.time_base
    )
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height = recipe.size
    context.pix_fmt = recipe.pixel_format
    context.color_primaries, context.color_trc = recipe.colours.primaries, recipe.colours.transfer
    context.colorspace, context.color_range = recipe.colours.matrix, int(recipe.colours.range)
    if recipe.aspect is not None:
        context.sample_aspect_ratio = recipe.aspect
    if recipe.rotation_deg is not None:
        stream.set_display_rotation(recipe.rotation_deg)
    return stream


def _sound_stream(container: OutputContainer, recipe: Recipe, index: int) -> AudioStream:
    stream = container.add_stream(recipe.sound[index], rate=AUDIO_HZ)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = "mono"
    if recipe.languages:
        stream.metadata["language"] = recipe.languages[index]
    return stream


def _write_beep(container: OutputContainer, stream: AudioStream, *, seconds: float) -> None:
    stream.codec_context.open(strict=False)
    block = stream.codec_context.frame_size or 1024
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * AUDIO_HZ)) / AUDIO_HZ)
    layout_format = stream.codec_context.format.name
    for start in range(0, len(wave), block):
        samples = wave[None, start : start + block].astype(np.float32)
        if layout_format.startswith("s16"):
            frame = AudioFrame.from_ndarray((samples * 32_000).astype(np.int16), layout_format, "mono")
        else:
            frame = AudioFrame.from_ndarray(samples, layout_format, "mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_HZ, start, Fraction(1, AUDIO_HZ)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
