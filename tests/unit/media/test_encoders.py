"""The encoder that is named is the one that works here, or its software twin with the reason said."""

from fractions import Fraction
from pathlib import Path

import pytest

from steadfast.errors import InvalidOption, UnknownCodec
from steadfast.media import encoders
from steadfast.media.containers import output_container
from steadfast.media.encoders import ENCODERS, PRESETS, ChosenEncoder, VideoOptions, choose_encoder
from steadfast.media.frame_shape import FrameShape

MP4, WEBM, GIF, MKV = (output_container(Path(f"out.{suffix}")) for suffix in ("mp4", "webm", "gif", "mkv"))
HARDWARE = [name for name, encoder in ENCODERS.items() if encoder.is_hardware]


def shape(pixel_format: str = "yuv420p", size: tuple[int, int] = (64, 48)) -> FrameShape:
    return FrameShape(width=size[0], height=size[1], pixel_format=pixel_format)


def choose(
    options: VideoOptions | None = None, container: object = MP4, native: FrameShape | None = None
) -> ChosenEncoder:
    return choose_encoder(options or VideoOptions(), container, native or shape(), Fraction(25))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("container", "name"), [(MP4, "libx264"), (WEBM, "libvpx-vp9"), (GIF, "gif"), (MKV, "libx264")]
)
def test_auto_is_the_usual_codec_of_the_container(container: object, name: str) -> None:
    assert choose(container=container).encoder.name == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("h264", "libx264"),
        ("H264", "libx264"),
        ("x264", "libx264"),
        ("h265", "libx265"),
        ("hevc", "libx265"),
        ("vp9", "libvpx-vp9"),
        ("av1", "libsvtav1"),
        ("libx265", "libx265"),
    ],
)
def test_codecs_are_known_by_the_names_people_use(said: str, name: str) -> None:
    assert choose(VideoOptions(codec=said)).encoder.name == name


def test_the_default_is_libx264_medium_crf_20() -> None:
    assert dict(choose().options) == {"crf": "20", "preset": "medium"}


@pytest.mark.parametrize("said", ["divx", "libx264; rm", "", "mpeg4000"])
def test_a_codec_nobody_knows_is_an_unknown_codec_with_the_known_ones_named(said: str) -> None:
    with pytest.raises(UnknownCodec) as caught:
        choose(VideoOptions(codec=said))
    assert "h264" in caught.value.remedy


def test_a_codec_the_build_lacks_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "is_present", lambda name: name != "libx265")
    with pytest.raises(UnknownCodec, match="libx265"):
        choose(VideoOptions(codec="hevc"))


@pytest.mark.parametrize(("container", "codec"), [(WEBM, "h264"), (GIF, "h264"), (MP4, "gif")])
def test_a_codec_the_container_cannot_hold_is_refused(container: object, codec: str) -> None:
    with pytest.raises(InvalidOption):
        choose(VideoOptions(codec=codec), container)


@pytest.mark.parametrize(
    "options", [VideoOptions(quality=-1), VideoOptions(quality=52), VideoOptions(preset="warp")]
)
def test_a_quality_or_preset_that_is_none_is_refused(options: VideoOptions) -> None:
    with pytest.raises(InvalidOption):
        choose(options)


@pytest.mark.parametrize("name", HARDWARE)
def test_hardware_that_does_not_open_is_replaced_by_software_of_the_same_codec_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(encoders, "_why_it_fails", lambda chosen, rate: "no such device")
    chosen = choose(VideoOptions(codec=name, quality=1, preset="fast"))
    assert not chosen.encoder.is_hardware
    assert chosen.encoder.codec == ENCODERS[name].codec
    assert name in chosen.notes[0]
    assert "no such device" in chosen.notes[0]
    assert chosen.options[chosen.encoder.quality_option] == f"{chosen.encoder.default_quality:g}"


def test_hardware_that_opens_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_why_it_fails", lambda chosen, rate: None)
    chosen = choose(VideoOptions(codec="h264_nvenc", quality=25, preset="veryslow"))
    assert chosen.encoder.name == "h264_nvenc"
    assert dict(chosen.options) == {"rc": "vbr", "cq": "25", "preset": "p7"}
    assert not chosen.notes


def test_hardware_is_really_tried_and_a_machine_without_it_still_encodes() -> None:
    chosen = choose(VideoOptions(codec="h264_nvenc"), native=shape(size=(256, 256)))
    assert chosen.encoder.codec == "h264"
    assert chosen.encoder.is_hardware or "h264_nvenc does not work here" in chosen.notes[0]


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=list(ENCODERS))
def test_every_encoder_has_a_value_for_every_preset(encoder: encoders.Encoder) -> None:
    assert len(encoder.presets) == len(PRESETS)
    assert encoder.quality_range[0] <= encoder.default_quality <= encoder.quality_range[1]


@pytest.mark.parametrize(
    ("codec", "source", "expected"),
    [
        ("h264", "yuv420p", "yuv420p"),
        ("h264", "yuvj420p", "yuvj420p"),
        ("h264", "yuv420p10le", "yuv420p10le"),
        ("h264", "nv12", "nv12"),
        ("h264", "bgra", "yuv420p"),
        ("h264", "gbrp", "yuv420p"),
        ("av1", "yuvj420p", "yuv420p"),
        ("av1", "yuv420p10le", "yuv420p10le"),
        ("vp9", "bgra", "yuv420p"),
        ("hevc", "p010le", "yuv420p10le"),
    ],
)
def test_frames_stay_in_their_format_where_the_encoder_takes_it(
    codec: str, source: str, expected: str
) -> None:
    assert choose(VideoOptions(codec=codec), MP4, shape(source)).shape.pixel_format == expected


def test_subsampled_frames_are_made_even_for_encoders_that_ask_for_it() -> None:
    odd = (65, 49)
    assert choose(native=shape(size=odd)).shape == shape(size=(66, 50))
    assert choose(native=shape("yuv444p", odd)).shape == shape("yuv444p", odd)
    assert choose(container=WEBM, native=shape(size=odd)).shape == shape(size=odd)


@pytest.mark.parametrize("name", ["out.avi", "out", "out.txt", "out.mp4.part"])
def test_a_name_that_ends_like_no_video_is_refused(name: str) -> None:
    with pytest.raises(InvalidOption):
        output_container(Path(name))


def test_endings_are_known_in_any_case() -> None:
    assert output_container(Path("OUT.MP4")).label == "MP4"
