"""What a file is, and whether it may be read, is known before anything is decoded."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image
from tests import picture_files as files

from steadfast.errors import CallerError, EmptyInput, InputMissing, MediaTooLarge, UnsupportedMedia
from steadfast.media.headers import gif_is_animated, heif_size, webp_size
from steadfast.media.limits import MediaLimits, identify, kind_of, read_picture_file
from steadfast.media.sniff import FileFormat, MediaKind, is_text, sniff
from steadfast.settings import MediaSettings


def video(container: str, codec: str = "mpeg4") -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = files.WIDTH_PX, files.HEIGHT_PX, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(files.sample(), format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (files.encoded("JPEG"), FileFormat.JPEG),
        (files.encoded("PNG"), FileFormat.PNG),
        (files.encoded("WEBP"), FileFormat.WEBP),
        (files.encoded("GIF", "P"), FileFormat.GIF),
        (files.encoded("BMP"), FileFormat.BMP),
        (files.encoded("TIFF"), FileFormat.TIFF),
        (files.encoded("HEIF"), FileFormat.HEIC),
        (files.encoded("AVIF"), FileFormat.AVIF),
        (video("mp4"), FileFormat.MP4),
        (video("mov"), FileFormat.MP4),
        (video("matroska"), FileFormat.MATROSKA),
        (video("avi"), FileFormat.AVI),
        (video("mpegts", "mpeg2video"), FileFormat.MPEG),
        (video("mpeg", "mpeg2video"), FileFormat.MPEG),
        (video("flv", "flv"), FileFormat.FLV),
        (b"", FileFormat.UNKNOWN),
        (b"RIFF\0\0\0\0WAVE", FileFormat.UNKNOWN),
        (b"BM, or not to BM", FileFormat.UNKNOWN),
        (b"%PDF-1.7", FileFormat.UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", FileFormat.UNKNOWN),
    ],
)
def test_a_format_is_told_by_content(content: bytes, found: FileFormat) -> None:
    assert sniff(content[:4096]) is found


def test_every_format_is_of_some_kind() -> None:
    assert {found.kind for found in FileFormat} == set(MediaKind)
    assert FileFormat.GIF.kind is MediaKind.ANIMATION


@pytest.mark.parametrize(("frames", "kind"), [(1, MediaKind.PICTURE), (2, MediaKind.ANIMATION)])
def test_a_gif_is_a_video_only_where_it_moves(tmp_path: Path, frames: int, kind: MediaKind) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(files.animation("GIF", frames))
    assert kind_of(path) is kind


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3])
def test_a_gif_that_breaks_off_in_its_first_frame_does_not_move(share: float) -> None:
    content = files.animation("GIF")
    assert not gif_is_animated(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}]
)
def test_the_size_of_a_webp_is_read_from_each_of_its_headers(options: dict[str, object]) -> None:
    assert webp_size(files.encoded("WEBP", "RGB", **options)) == (files.WIDTH_PX, files.HEIGHT_PX)
    assert webp_size(b"RIFF\0\0\0\0WEBPVP8 ") is None


@pytest.mark.parametrize("codec", ["HEIF", "AVIF"])
def test_the_size_of_a_heif_is_read_from_its_properties(codec: str) -> None:
    size = heif_size(files.encoded(codec))
    assert size is not None
    assert size >= (files.WIDTH_PX, files.HEIGHT_PX)
    assert heif_size(b"\0\0\0\x18ftypheic") is None
    assert heif_size(b"\0\0\0\x01meta" + b"\xff" * 40) is None


def test_text_is_recognised_in_any_language_and_bytes_are_not() -> None:
    assert is_text("Grüße, 你好\n".encode())
    assert is_text("ü".encode() * 2047 + b"\xc3")  # cut within a character
    assert not is_text(b"\xff\xd8\xff")
    assert not is_text(b"")


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (str, InputMissing, "does not exist"),
        (Path.mkdir, InputMissing, "is a folder"),
        (os.mkfifo, InputMissing, "not an ordinary file"),
        (lambda path: path.symlink_to(path), InputMissing, "in a circle"),
        (Path.touch, EmptyInput, "is empty"),
        (lambda path: path.write_text("hello"), UnsupportedMedia, "is a text file"),
    ],
    ids=["missing", "folder", "pipe", "loop", "empty", "text"],
)
def test_what_cannot_be_an_input_is_said_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], error: type[CallerError], sentence: str
) -> None:
    path = tmp_path / "input.jpg"
    make(path)
    for read in (identify, kind_of, read_picture_file):
        with pytest.raises(error, match=sentence):
            read(path)


def test_a_name_with_a_nul_is_no_file() -> None:
    with pytest.raises(InputMissing):
        identify(Path("a\0b.jpg"))


def test_a_video_where_a_picture_is_needed_is_named_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(video("mp4"))
    assert kind_of(path) is MediaKind.VIDEO
    with pytest.raises(UnsupportedMedia, match="is a video"):
        read_picture_file(path)


def test_limits_come_from_the_settings_and_a_picture_has_the_smaller_one(tmp_path: Path) -> None:
    limits = MediaLimits.of(MediaSettings(max_pixels=1000, max_bytes=100, max_picture_bytes=500))
    assert (limits.max_pixels, limits.max_bytes, limits.max_picture_bytes) == (1000, 100, 100)
    path = tmp_path / "a.png"
    path.write_bytes(files.encoded("PNG"))
    with pytest.raises(MediaTooLarge, match="MB"):
        identify(path, limits)


def test_pillow_agrees_with_the_animated_sample() -> None:
    with Image.open(io.BytesIO(files.animation("GIF"))) as image:
        assert getattr(image, "is_animated", False)
