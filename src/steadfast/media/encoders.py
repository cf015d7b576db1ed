"""Which encoder makes a video, with which options, and what is taken instead where it does not work here.

Users name a codec ("h264") or an encoder ("h264_nvenc"), a quality on the encoder's own scale and a preset
by x264's names; this table says what that means for each. A hardware encoder counts as present only when it
really opened with the size and format of this video: drivers promise more than they hold.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.codec import Codec, CodecContext
from av.codec.codec import UnknownCodecError, find_best_pix_fmt_of_list
from av.video.codeccontext import VideoCodecContext

from steadfast.errors import InvalidOption, UnknownCodec
from steadfast.media.containers import OutputContainer
from steadfast.media.encoder_opening import open_encoder
from steadfast.media.frame_shape import FrameShape, is_rgb
from steadfast.media.pixel_layout import layout_of

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
"""Fastest first; the default is medium."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """One encoder of FFmpeg."""

    name: str  # FFmpeg's
    codec: str  # what it makes, as "h264"
    quality_option: str  # empty: it has none
    default_quality: float
    quality_range: tuple[float, float]
    preset_option: str  # empty: it has none
    presets: tuple[str, ...] = PRESETS  # its value for each of PRESETS
    fixed_options: Mapping[str, str] = field(default_factory=dict)
    is_hardware: bool = False
    takes_odd_sizes: bool = False  # of subsampled formats


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoOptions:
    """What a user says about the video that is written."""

    codec: str = "auto"  # a codec, an encoder, or auto: the container's usual one
    quality: float | None = None  # on the encoder's scale (CRF), lower is better; None: its default
    preset: str = "medium"  # one of PRESETS
    threads: int = 0  # of the encoder; 0: it decides by the cores


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenEncoder:
    """The encoder that works, ready to be opened."""

    encoder: Encoder
    shape: FrameShape  # of the frames it is given
    options: Mapping[str, str]
    notes: tuple[str, ...] = ()  # why it is not the one that was asked for


_NVENC_PRESETS = ("p1", "p1", "p2", "p3", "p3", "p4", "p5", "p6", "p7", "p7")
_QSV_PRESETS = (
    "veryfast",
    "veryfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    *("veryslow",) * 2,
)
_AMF_PRESETS = (*("speed",) * 4, *("balanced",) * 2, *("quality",) * 4)


def _nvenc(codec: str) -> Encoder:
    return Encoder(
        name=f"{codec}_nvenc", codec=codec, quality_option="cq", default_quality=23, quality_range=(0, 51),
        preset_option="preset", presets=_NVENC_PRESETS, fixed_options={"rc": "vbr"}, is_hardware=True,
    )  # fmt: skip


def _qsv(codec: str) -> Encoder:
    return Encoder(
        name=f"{codec}_qsv", codec=codec, quality_option="global_quality", default_quality=23,
        quality_range=(1, 51), preset_option="preset", presets=_QSV_PRESETS, is_hardware=True,
    )  # fmt: skip


def _amf(codec: str) -> Encoder:
    return Encoder(
        name=f"{codec}_amf", codec=codec, quality_option="qp_i", default_quality=22, quality_range=(0, 51),
        preset_option="quality", presets=_AMF_PRESETS, fixed_options={"rc": "cqp"}, is_hardware=True,
    )  # fmt: skip


def _videotoolbox(codec: str) -> Encoder:
    return Encoder(
        name=f"{codec}_videotoolbox", codec=codec, quality_option="global_quality", default_quality=65,
        quality_range=(1, 100), preset_option="", is_hardware=True,
    )  # fmt: skip


ENCODERS: Mapping[str, Encoder] = {
    encoder.name: encoder
    for encoder in (
        Encoder(
            name="libx264", codec="h264", quality_option="crf", default_quality=20, quality_range=(0, 51),
            preset_option="preset",
        ),
        Encoder(
            name="libx265", codec="hevc", quality_option="crf", default_quality=22, quality_range=(0, 51),
            preset_option="preset", fixed_options={"x265-params": "log-level=error"},
        ),
        Encoder(
            name="libvpx-vp9", codec="vp9", quality_option="crf", default_quality=31, quality_range=(0, 63),
            preset_option="cpu-used", presets=("8", "7", "6", "5", "4", "3", "2", "1", "0", "0"),
            fixed_options={"row-mt": "1", "b": "0"}, takes_odd_sizes=True,
        ),
        Encoder(
            name="libsvtav1", codec="av1", quality_option="crf", default_quality=30, quality_range=(1, 63),
            preset_option="preset", presets=("12", "11", "10", "9", "8", "7", "5", "4", "2", "0"),
        ),
        Encoder(
            name="gif", codec="gif", quality_option="", default_quality=0, quality_range=(0, 0),
            preset_option="", takes_odd_sizes=True,
        ),
        *(make(codec) for make in (_nvenc, _qsv, _amf) for codec in ("h264", "hevc", "av1")),
        *(_videotoolbox(codec) for codec in ("h264", "hevc")),
    )
}  # fmt: skip
"""Every encoder that this program knows how to ask for a quality, by FFmpeg's name."""

_SOFTWARE_OF = {e.codec: e.name for e in ENCODERS.values() if not e.is_hardware}
_ALIASES = {"h265": "hevc", "x264": "h264", "x265": "hevc", "avc": "h264", "vp9": "vp9"}


def choose_encoder(
    wanted: VideoOptions, container: OutputContainer, native: FrameShape, rate: Fraction
) -> ChosenEncoder:
    """The encoder for this video, or the software one of the same codec where the hardware will not open.

    Raises `UnknownCodec` for a codec nobody knows or this build lacks, `InvalidOption` for one that the
    container cannot hold, and for a quality or preset that is none.
    """
    encoder = _named(wanted.codec, container)
    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder otherwise talks on stderr of its own accord
    notes: tuple[str, ...] = ()
    if encoder.is_hardware:
        reason = _why_it_fails(_chosen(encoder, wanted, native, notes), rate)
        if reason is None:
            return _chosen(encoder, wanted, native, notes)
        substitute = ENCODERS[_SOFTWARE_OF[encoder.codec]]
        notes = (f"{encoder.name} does not work here ({reason}); {substitute.name} encoded instead.",)
        encoder, wanted = substitute, VideoOptions(preset=wanted.preset, threads=wanted.threads)
    if not is_present(encoder.name):
        raise UnknownCodec(f"This build of FFmpeg has no encoder {encoder.name}.")
    return _chosen(encoder, wanted, native, notes)


def repeatable_options(chosen: ChosenEncoder) -> dict[str, str]:
    """Its options with which the same frames make the same bytes every time.

    x264 (build 165) with AVX-512 does not: one encoding in ten differed on a machine that has it, none of
    hundreds with AVX2 (`python -m benchmarks.repeatable_encoding`). Its results do not depend on which
    instructions it uses otherwise, so this is no part of what a job pins.
    """
    options = dict(chosen.options)
    if chosen.encoder.name == "libx264" and _cpu_has("avx512f"):
        options["x264-params"] = "asm=AVX2"
    return options


def _cpu_has(feature: str, *, account: Path = Path("/proc/cpuinfo")) -> bool:
    try:
        flags = next((line for line in account.read_text().splitlines() if line.startswith("flags")), "")
    except OSError:
        return False
    return feature in flags.split()


def is_present(name: str) -> bool:
    """Whether this build of FFmpeg has an encoder of that name; hardware may still be missing."""
    try:
        Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


def _named(name: str, container: OutputContainer) -> Encoder:
    name = container.usual_codec if name == "auto" else name.lower()
    name = _ALIASES.get(name, name)
    encoder = ENCODERS.get(_SOFTWARE_OF.get(name, name))
    if encoder is None:
        known = ", ".join(sorted({e.codec for e in ENCODERS.values()}))
        raise UnknownCodec(
            f"There is no codec {name!r}.", remedy=f"Use one of {known}, or an encoder's name."
        )
    if encoder.codec not in container.codecs:
        raise InvalidOption(
            f"A {container.label} file cannot hold {encoder.codec} video.",
            remedy=f"Use {' or '.join(container.codecs)}, or another ending of the output's name.",
        )
    return encoder


def _chosen(
    encoder: Encoder, wanted: VideoOptions, native: FrameShape, notes: tuple[str, ...]
) -> ChosenEncoder:
    shape = _shape_for(encoder, native)
    options = dict(encoder.fixed_options)
    if encoder.quality_option:
        quality = encoder.default_quality if wanted.quality is None else wanted.quality
        low, high = encoder.quality_range
        if not low <= quality <= high:
            raise InvalidOption(f"The quality of {encoder.name} lies between {low:g} and {high:g}.")
        options[encoder.quality_option] = f"{quality:g}"
    if wanted.preset not in PRESETS:
        raise InvalidOption(
            f"There is no preset {wanted.preset!r}.", remedy=f"Use one of {', '.join(PRESETS)}."
        )
    if encoder.preset_option:
        options[encoder.preset_option] = encoder.presets[PRESETS.index(wanted.preset)]
    return ChosenEncoder(encoder=encoder, shape=shape, options=options, notes=notes)


def _shape_for(encoder: Encoder, native: FrameShape) -> FrameShape:
    pixel_format = _pixel_format_for(encoder, native.pixel_format)
    layout = layout_of(pixel_format)
    assert layout is not None, pixel_format
    across, down = 1 << layout.chroma_width_log2, 1 << layout.chroma_height_log2
    if encoder.takes_odd_sizes:
        across = down = 1
    return FrameShape(
        width=native.width + -native.width % across,
        height=native.height + -native.height % down,
        pixel_format=pixel_format,
    )


def _pixel_format_for(encoder: Encoder, source: str) -> str:
    """The source's own format where the encoder takes it; else the nearest that can be touched in place."""
    if encoder.name == "gif":
        return "bgra"
    if not is_present(encoder.name):
        return source if source.startswith("yuv") else "yuv420p"
    formats = [f.name for f in Codec(encoder.name, "w").video_formats or ()]
    usable = [name for name in formats if layout_of(name) and not is_rgb(name)]
    if source in usable:
        return source
    if is_rgb(source) and "yuv420p" in usable:
        return "yuv420p"  # what every player shows; 4:4:4 would not be
    unmarked = source.replace("yuvj", "yuv")
    if unmarked in usable:
        return unmarked  # the same samples; the range is tagged
    best, _ = find_best_pix_fmt_of_list(usable, source)
    return best.name if best is not None else "yuv420p"


def _why_it_fails(chosen: ChosenEncoder, rate: Fraction) -> str | None:
    """None if the encoder opens with this video's size and format."""
    try:
        context = CodecContext.create(chosen.encoder.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = chosen.shape.width, chosen.shape.height
        context.pix_fmt = chosen.shape.pixel_format
        context.framerate, context.time_base = rate, 1 / rate
        context.options = dict(chosen.options)
        open_encoder(context)
    except UnknownCodecError:
        return "this build of FFmpeg lacks it"
    except (av.error.FFmpegError, ValueError) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    return None
