"""An output keeps everything of its input that its format can hold, and says what it cannot."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests import picture_files as files

from steadfast.errors import EncodingFailed, InvalidOption, OutputUnwritable
from steadfast.media.picture_metadata import Metadata
from steadfast.media.picture_writer import (
    PICTURE_SUFFIXES,
    encode_picture,
    picture_format_for,
    write_picture,
)
from steadfast.media.pictures import Picture, read_picture
from steadfast.media.sniff import FileFormat, sniff

LOSSLESS = [FileFormat.PNG, FileFormat.TIFF, FileFormat.BMP]


def rewritten(picture: Picture, target: FileFormat) -> tuple[Picture, tuple[str, ...]]:
    content, notes = encode_picture(picture, target, mark=None)
    return read_picture(content), notes


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"OUT{suffix.upper()}"
    write_picture(read_picture(files.encoded("PNG")), path, mark=None)
    assert sniff(path.read_bytes()[:64]) is picture_format_for(path)
    assert read_picture(path).pixels.shape == (files.HEIGHT_PX, files.WIDTH_PX, 3)


@pytest.mark.parametrize("name", ["out", "out.xyz", "out.mp4", ".png"])
def test_a_suffix_that_names_no_picture_format_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(InvalidOption, match="names no picture format") as caught:
        picture_format_for(Path(name))
    assert ".jpg" in caught.value.remedy


@pytest.mark.parametrize("target", LOSSLESS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_lossless_format_changes_no_pixel(target: FileFormat, mode: str) -> None:
    picture = read_picture(files.encoded("PNG", mode))
    again, _ = rewritten(picture, target)
    assert (again.pixels == picture.pixels).all()


@pytest.mark.parametrize("target", [FileFormat.PNG, FileFormat.TIFF, FileFormat.JPEG])
def test_grey_stays_grey(target: FileFormat) -> None:
    again, _ = rewritten(read_picture(files.encoded("PNG", "L")), target)
    assert again.is_grey


@pytest.mark.parametrize("target", [FileFormat.PNG, FileFormat.TIFF])
@pytest.mark.parametrize("alpha", [True, False])
def test_16_bits_are_kept_where_the_format_can(target: FileFormat, alpha: bool) -> None:
    picture = read_picture(files.deep(".png", alpha=alpha))
    again, notes = rewritten(picture, target)
    assert again.deep_pixels is not None
    np.testing.assert_array_equal(again.deep_pixels, picture.deep_pixels)
    if alpha:
        assert again.alpha is not None
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    assert notes == ()


@pytest.mark.parametrize("target", [FileFormat.JPEG, FileFormat.WEBP, FileFormat.HEIC, FileFormat.BMP])
def test_16_bits_are_reduced_with_a_note_where_it_cannot(target: FileFormat) -> None:
    again, notes = rewritten(read_picture(files.deep(".png")), target)
    assert again.deep_pixels is None
    assert any("reduced to 8" in note for note in notes)


@pytest.mark.parametrize(
    "target", [FileFormat.PNG, FileFormat.TIFF, FileFormat.WEBP, FileFormat.HEIC, FileFormat.AVIF]
)
def test_transparency_is_kept_where_the_format_can(target: FileFormat) -> None:
    picture = read_picture(files.encoded("PNG", "RGBA"))
    alpha = np.full(picture.pixels.shape[:2], 255, np.uint8)
    alpha[:, :24] = 0
    again, _ = rewritten(replace(picture, alpha=alpha), target)
    assert again.alpha is not None
    np.testing.assert_allclose(again.alpha.astype(int), alpha, atol=8)


@pytest.mark.parametrize("target", [FileFormat.JPEG, FileFormat.BMP])
def test_transparency_is_laid_over_white_where_it_cannot(target: FileFormat) -> None:
    picture = read_picture(files.encoded("PNG"))
    again, notes = rewritten(replace(picture, alpha=np.zeros(picture.pixels.shape[:2], np.uint8)), target)
    assert (again.pixels == 255).all()
    assert any("laid over white" in note for note in notes)


@pytest.mark.parametrize("codec", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_profile_and_camera_survive_in_every_format_that_holds_them(codec: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A Camera"
    exif.get_ifd(0x8825)[1] = "N"
    picture = read_picture(files.encoded("JPEG", icc_profile=files.srgb_profile(), exif=exif))
    content, notes = encode_picture(
        picture, FileFormat("heic" if codec == "HEIF" else codec.lower()), mark=None
    )
    assert notes == ()
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["icc_profile"] == files.srgb_profile()
        assert image.getexif()[0x010F] == "A Camera"
        assert image.getexif().get_ifd(0x8825)[1] == "N"
        image.load()


def test_metadata_can_be_left_out_but_colours_stay_right() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A Camera"
    picture = read_picture(files.encoded("JPEG", icc_profile=files.srgb_profile(), exif=exif))
    content, _ = encode_picture(picture, FileFormat.JPEG, mark=None, keep_metadata=False)
    again = read_picture(content).metadata
    assert again == Metadata(icc_profile=files.srgb_profile())


def test_a_grey_profile_is_not_put_on_a_colour_output() -> None:
    profile = bytearray(files.srgb_profile())
    profile[16:20] = b"GRAY"
    picture = read_picture(files.encoded("PNG", "L"))
    marked = replace(picture, metadata=Metadata(icc_profile=bytes(profile)))
    content, notes = encode_picture(marked, FileFormat.WEBP, mark=None)
    assert read_picture(content).metadata.icc_profile is None
    assert any("profile" in note for note in notes)


def test_higher_quality_is_closer_to_the_picture() -> None:
    picture = read_picture(files.encoded("PNG"))
    errors = []
    for quality in (20, 60, 95):
        content, _ = encode_picture(picture, FileFormat.JPEG, quality=quality, mark=None)
        errors.append(np.abs(read_picture(content).pixels.astype(int) - picture.pixels).mean())
    assert errors == sorted(errors, reverse=True)
    with pytest.raises(InvalidOption):
        encode_picture(picture, FileFormat.JPEG, quality=101, mark=None)


def test_a_picture_too_large_for_the_format_is_an_error_with_a_remedy_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    long = read_picture(files.encoded("PNG"))
    long = replace(long, pixels=np.zeros((1, 17_000, 3), np.uint8))
    with pytest.raises(EncodingFailed, match="WEBP") as caught:
        write_picture(long, tmp_path / "out.webp", mark=None)
    assert "PNG" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_an_output_may_replace_its_own_input(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(files.encoded("PNG"))
    picture = read_picture(path)
    write_picture(picture, path, mark=None)
    assert (read_picture(path).pixels == picture.pixels).all()


def test_a_missing_folder_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="does not exist"):
        write_picture(read_picture(files.encoded("PNG")), tmp_path / "missing" / "out.png", mark=None)
