"""No mutation of a real video escapes as anything but a declared error, and none costs more than it may."""

import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from tests.mutations import MutatedFile, mutated
from tests.video_files import make_video

from steadfast.errors import BadMedia, EncodingFailed
from steadfast.media.containers import output_container
from steadfast.media.encoders import VideoOptions, choose_encoder
from steadfast.media.frame_decoder import DecodedFrame
from steadfast.media.limits import MediaLimits
from steadfast.media.video_reader import open_video
from steadfast.media.video_writer import VideoWriter

LIMITS = MediaLimits(max_pixels=1_000_000, max_bytes=1 << 20, max_duration_s=60.0)
DECLARED = (BadMedia, EncodingFailed)


@cache
def originals() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return {
            name: make_video(Path(folder) / name, **recipe).read_bytes() for name, recipe in _RECIPES.items()
        }


_RECIPES: dict[str, dict[str, Any]] = {
    "sound.mp4": {"sound": ("aac",), "frames": 8},
    "index-first.mp4": {"muxer_options": {"movflags": "+faststart"}, "rotation_deg": 90, "frames": 8},
    "fragments.mp4": {"muxer_options": {"movflags": "frag_keyframe+empty_moov"}, "frames": 8},
    "sound.mkv": {"sound": ("libopus",), "frames": 8},
    "deep.mkv": {"pixel_format": "yuv420p10le", "frames": 4},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}, "frames": 6},
    "vp8.webm": {"codec": "libvpx", "options": {"cpu-used": "8"}, "frames": 6},
    "mpeg4.avi": {"codec": "mpeg4", "frames": 6},
    "animated.gif": {"codec": "gif", "pixel_format": "rgb8", "frames": 6},
}


@given(mutated(originals()))
@settings(max_examples=150)
def test_reading_a_mutated_video_ends_in_frames_or_in_a_declared_error(case: MutatedFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / case.name
        path.write_bytes(case.content)
        try:
            with open_video(path, LIMITS) as reader:
                shape = reader.shape
                before = -(1 << 62)
                for item in reader:
                    if not isinstance(item, DecodedFrame):
                        continue
                    assert item.pts > before
                    before = item.pts
                    if item.frame is not None:
                        assert (item.frame.width, item.frame.height) == (shape.width, shape.height)
                        assert item.frame.format.name == shape.pixel_format
        except BadMedia:
            return


@given(mutated(originals(), most_steps=2))
@settings(max_examples=60)
def test_rewriting_a_mutated_video_ends_in_a_file_or_in_a_declared_error(case: MutatedFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / case.name, Path(folder) / "out.mkv"
        path.write_bytes(case.content)
        try:
            rewrite(path, output)
        except DECLARED:
            return
        assert output.stat().st_size > 0


def rewrite(path: Path, output: Path) -> None:
    with open_video(path, LIMITS) as reader:
        container = output_container(output)
        options = VideoOptions(preset="ultrafast", threads=1)
        chosen = choose_encoder(options, container, reader.shape, reader.info.average_rate or Fraction(25))
        writer = VideoWriter(
            output,
            container=container,
            chosen=chosen,
            info=reader.info,
            companions=reader.companions(),
            threads=1,
        )
        reader.deliver_as(writer.shape)
        try:
            for item in reader:
                if not isinstance(item, DecodedFrame):
                    writer.write_packet(item)
                elif item.frame is not None:
                    writer.write(item.frame)
            writer.finish()
        finally:
            writer.abort()
