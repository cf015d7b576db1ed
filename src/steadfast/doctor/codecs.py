"""Which encoders really open here: a build may name one whose hardware or driver is missing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec import CodecContext
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.media.encoder_opening import open_encoder
from steadfast.media.encoders import ENCODERS, Encoder

_NEEDED = ("libx264", "aac")  # the default of MP4 outputs, and the sound that is re-encoded for it
_SOUND = ("aac", "libopus")
_SIDE_PX = 256  # hardware encoders refuse much smaller frames


def examine_codecs() -> Iterator[Finding]:
    """Opens every encoder that the program can choose, in a small size."""
    with _quiet_libraries():
        software = {e.name: why_it_fails(e) for e in ENCODERS.values() if not e.is_hardware}
        hardware = {e.name: why_it_fails(e) for e in ENCODERS.values() if e.is_hardware}
        sound = {name: _why_sound_fails(name) for name in _SOUND}
    yield _finding("Video encoders", software)
    yield _finding("Sound encoders", sound)
    yield _hardware_finding(hardware)


def why_it_fails(encoder: Encoder) -> str | None:
    """None if the encoder opens for a small yuv420p video, else the reason in FFmpeg's words."""
    try:
        context = CodecContext.create(encoder.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width = context.height = _SIDE_PX
        formats = [f.name for f in context.codec.video_formats or ()]
        context.pix_fmt = "yuv420p" if "yuv420p" in formats or not formats else formats[0]
        context.framerate, context.time_base = Fraction(25), Fraction(1, 25)
        context.options = dict(encoder.fixed_options)
        open_encoder(context)
    except UnknownCodecError:
        return "not in this build of FFmpeg"
    except (av.error.FFmpegError, ValueError) as error:
        return _reason(error)
    return None


def _why_sound_fails(name: str) -> str | None:
    try:
        context = CodecContext.create(name, "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout = 48_000, "stereo"
        if formats := context.codec.audio_formats:
            context.format = formats[0]
        context.open()
    except UnknownCodecError:
        return "not in this build of FFmpeg"
    except (av.error.FFmpegError, ValueError) as error:
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    # Codes that FFmpeg borrows from a library have no text of their own.
    text = getattr(error, "strerror", None) or str(error)
    return "no such device or driver" if "Unknown error" in text else text


def _finding(name: str, failures: dict[str, str | None]) -> Finding:
    working = [encoder for encoder, reason in failures.items() if reason is None]
    missing = {encoder: reason for encoder, reason in failures.items() if reason is not None}
    needed = [encoder for encoder in _NEEDED if encoder in missing]
    summary = ", ".join(working) or "none"
    if missing:
        summary += "; not " + ", ".join(f"{encoder} ({reason})" for encoder, reason in missing.items())
    return Finding(
        section=Section.CODECS,
        name=name,
        health=Health.RED if needed else Health.YELLOW if missing else Health.GREEN,
        summary=summary,
        remedy=f"Install a build of PyAV that has {' and '.join(needed or missing)}." if missing else "",
        facts={"working": working, "missing": missing},
    )


def _hardware_finding(failures: dict[str, str | None]) -> Finding:
    working = [encoder for encoder, reason in failures.items() if reason is None]
    return Finding(
        section=Section.CODECS,
        name="Hardware encoders",
        health=Health.GREEN if working else Health.OFF,
        summary=", ".join(working) or "none opens here; software encodes",
        facts={"working": working, "missing": {k: v for k, v in failures.items() if v is not None}},
    )


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keeps what native encoders print when they open (their banners, their complaints) off the terminal."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
