"""Every common kind of picture is read upright, and what cannot be read is refused with one clear error."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from tests import picture_files as files

from steadfast.errors import (
    BadMedia,
    DamagedMedia,
    EmptyInput,
    ExitCode,
    InputMissing,
    MediaTooLarge,
    UnsupportedMedia,
)
from steadfast.media.canvas import Region
from steadfast.media.limits import MediaLimits
from steadfast.media.pictures import Picture, read_picture, read_size
from steadfast.media.sniff import FileFormat
from steadfast.media.tiff_tags import tiff_with_tags

CORNERS_BGR = {
    (4, 4): (20, 20, 230),
    (4, -5): (20, 200, 20),
    (-5, 4): (220, 20, 20),
    (-5, -5): (250, 250, 250),
}


def assert_shows_the_sample(picture: Picture, tolerance: int = 12) -> None:
    assert picture.pixels.shape == (files.HEIGHT_PX, files.WIDTH_PX, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags["C_CONTIGUOUS"]
    for (y, x), colour in CORNERS_BGR.items():
        np.testing.assert_allclose(picture.pixels[y, x].astype(int), colour, atol=tolerance)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (files.encoded("JPEG", quality=95), FileFormat.JPEG),
        (files.encoded("JPEG", quality=95, progressive=True), FileFormat.JPEG),
        (files.encoded("PNG"), FileFormat.PNG),
        (files.encoded("PNG", "RGBA"), FileFormat.PNG),
        (files.encoded("WEBP", quality=95), FileFormat.WEBP),
        (files.encoded("WEBP", lossless=True), FileFormat.WEBP),
        (files.encoded("BMP"), FileFormat.BMP),
        (files.encoded("TIFF"), FileFormat.TIFF),
        (files.encoded("TIFF", compression="tiff_lzw"), FileFormat.TIFF),
        (files.encoded("HEIF", quality=95), FileFormat.HEIC),
        (files.encoded("AVIF", quality=95), FileFormat.AVIF),
        (files.animation("GIF"), FileFormat.GIF),
        (files.deep(".png"), FileFormat.PNG),
        (files.deep(".tiff"), FileFormat.TIFF),
    ],
    ids=lambda value: value.value if isinstance(value, FileFormat) else "",
)
def test_every_format_shows_the_same_picture(content: bytes, found: FileFormat) -> None:
    picture = read_picture(content)
    assert picture.format is found
    assert_shows_the_sample(picture)


def test_the_size_is_known_before_anything_is_decoded() -> None:
    content = files.encoded("PNG")
    assert read_size(content) == (files.WIDTH_PX, files.HEIGHT_PX)
    assert read_size(content[:60]) == (files.WIDTH_PX, files.HEIGHT_PX)  # its pixels are not even there
    with pytest.raises(MediaTooLarge):
        read_size(content, MediaLimits(max_pixels=10))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("codec", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(codec: str, orientation: int) -> None:
    assert_shows_the_sample(read_picture(files.turned(orientation, codec)))


def test_the_orientation_is_not_applied_a_second_time_by_who_reads_the_output() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "A Camera"
    kept = Image.Exif()
    kept.load(read_picture(files.encoded("JPEG", exif=exif)).metadata.exif or b"")
    assert dict(kept) == {0x010F: "A Camera"}


def test_an_orientation_that_makes_no_sense_is_ignored() -> None:
    assert_shows_the_sample(read_picture(files.turned(77)))


def test_cmyk_becomes_srgb_and_says_so() -> None:
    picture = read_picture(files.encoded("JPEG", "CMYK", quality=95))
    assert_shows_the_sample(picture)
    assert any("CMYK" in note for note in picture.notes)


def test_a_profile_that_does_not_fit_the_channels_is_not_believed() -> None:
    picture = read_picture(files.encoded("JPEG", "CMYK", quality=95, icc_profile=files.srgb_profile()))
    assert_shows_the_sample(picture)
    assert picture.metadata.icc_profile is None
    assert any("without a profile" in note for note in picture.notes)


def test_lab_becomes_srgb() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(files.sample()), srgb, lab, outputMode="LAB")
    assert image is not None
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")
    assert_shows_the_sample(read_picture(buffer.getvalue()))


def test_a_10_bit_heic_is_reduced_to_8_and_that_is_said() -> None:
    deep = files.sample().astype(np.uint16) * 257
    heif = pillow_heif.from_bytes("RGB;16", (files.WIDTH_PX, files.HEIGHT_PX), deep.tobytes())
    buffer = io.BytesIO()
    heif.save(buffer, quality=95)
    picture = read_picture(buffer.getvalue())
    assert_shows_the_sample(picture)
    assert any("reduced to 8" in note for note in picture.notes)


def test_threads_may_read_at_the_same_time() -> None:
    contents = [files.encoded(codec) for codec in ("JPEG", "PNG", "WEBP", "HEIF")] * 6
    with ThreadPoolExecutor(6) as pool:
        for picture in pool.map(read_picture, contents):
            assert_shows_the_sample(picture, tolerance=40)


def test_a_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.fromarray(files.sample()).convert("P", palette=Image.Palette.ADAPTIVE)
    corner = image.getpixel((2, 2))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=corner)
    picture = read_picture(buffer.getvalue())
    assert picture.alpha is not None
    assert picture.alpha[2, 2] == 0
    assert picture.alpha[-3, -3] == 255


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_shades_of_grey_are_read_as_three_equal_channels_and_remembered(mode: str) -> None:
    picture = read_picture(files.encoded("PNG", mode))
    assert picture.is_grey
    assert (picture.pixels == picture.pixels[..., :1]).all()
    assert (picture.alpha is not None) == (mode == "LA")


def test_a_16_bit_tiff_is_turned_upright_too() -> None:
    content = files.deep(".tiff")
    stored = read_picture(content).deep_pixels
    turned = read_picture(tiff_with_tags(content, {0x0112: 8})).deep_pixels
    assert stored is not None
    assert turned is not None
    np.testing.assert_array_equal(turned, np.rot90(stored))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_are_kept_beside_8(suffix: str) -> None:
    picture = read_picture(files.deep(suffix))
    assert picture.deep_pixels is not None
    assert (picture.deep_pixels == files.sample()[..., ::-1].astype(np.uint16) * 256 + 77).all()
    assert (picture.pixels == files.sample()[..., ::-1]).all()


def test_16_bit_transparency_is_kept() -> None:
    alpha = read_picture(files.deep(".png", alpha=True)).alpha
    assert alpha is not None
    assert alpha.dtype == np.uint16
    assert (alpha == 30_000).all()


def test_16_bit_grey_is_kept() -> None:
    grey = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    picture = read_picture(buffer.getvalue())
    assert picture.is_grey
    assert picture.deep_pixels is not None
    assert (picture.deep_pixels[..., 0] == grey).all()


def test_32_bit_float_is_refused_with_a_remedy() -> None:
    with pytest.raises(UnsupportedMedia, match="32 bits") as caught:
        read_picture(files.encoded("TIFF", "F"))
    assert "8 or 16 bits" in caught.value.remedy


@pytest.mark.parametrize("codec", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame_is_read_and_that_is_said(codec: str) -> None:
    picture = read_picture(files.animation(codec))
    assert_shows_the_sample(picture, tolerance=20)
    assert any("first frame" in note for note in picture.notes)


@pytest.mark.parametrize(("codec", "note"), [("TIFF", "several pages"), ("HEIF", "several pictures")])
def test_of_several_pictures_in_one_file_the_main_one_is_read_and_that_is_said(codec: str, note: str) -> None:
    picture = read_picture(files.animation(codec))
    assert_shows_the_sample(picture, tolerance=20)
    assert any(note in said for said in picture.notes)


def test_a_picture_larger_than_a_band_is_whole() -> None:
    tall = np.zeros((5000, 120, 3), np.uint8)
    tall[:, :, 0] = np.arange(5000)[:, None] % 251
    buffer = io.BytesIO()
    Image.fromarray(tall).save(buffer, "BMP")
    assert (read_picture(buffer.getvalue()).pixels[..., ::-1] == tall).all()


def test_one_pixel_is_a_picture() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), (10, 20, 30)).save(buffer, "PNG")
    assert read_picture(buffer.getvalue()).pixels.tolist() == [[[30, 20, 10]]]


def test_profile_exif_and_resolution_are_kept() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A Camera"
    content = files.encoded("JPEG", icc_profile=files.srgb_profile(), exif=exif, dpi=(300, 300))
    metadata = read_picture(content).metadata
    assert metadata.icc_profile == files.srgb_profile()
    assert metadata.exif is not None
    assert b"A Camera" in metadata.exif
    assert metadata.dpi == (300, 300)


def test_the_exif_thumbnail_which_shows_the_old_face_is_dropped() -> None:
    thumbnail = files.encoded("JPEG")
    exif = Image.Exif()
    exif[0x010F] = "A Camera"
    tiff = exif.tobytes()[6:]
    offset = len(tiff) + 6 + 12 * 3
    ifd1 = b"".join(
        [
            (3).to_bytes(2, "little"),
            *(
                tag.to_bytes(2, "little")
                + kind.to_bytes(2, "little")
                + b"\1\0\0\0"
                + value.to_bytes(4, "little")
                for tag, kind, value in [(0x0103, 3, 6), (0x0201, 4, offset), (0x0202, 4, len(thumbnail))]
            ),
            bytes(4),
        ]
    )
    next_ifd_at = 8 + 2 + 12  # behind the one entry of the first directory
    linked = tiff[:next_ifd_at] + len(tiff).to_bytes(4, "little") + tiff[next_ifd_at + 4 :] + ifd1 + thumbnail
    content = files.encoded("JPEG", exif=b"Exif\0\0" + linked)
    assert content.count(thumbnail) == 1
    kept = read_picture(content).metadata.exif
    assert kept is not None
    assert b"A Camera" in kept
    assert thumbnail not in kept


@pytest.mark.parametrize("codec", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "HEIF", "AVIF"])
def test_a_decompression_bomb_is_refused_from_its_header(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        pytest.fail("the bomb was decoded")

    monkeypatch.setattr("steadfast.media.pictures.pixels_of", decode)
    with pytest.raises(MediaTooLarge, match="megapixels") as caught:
        read_picture(files.bomb(codec))
    assert "MAX_PIXELS" in caught.value.remedy


def test_pixels_just_within_the_limit_are_read_and_one_more_is_refused() -> None:
    exact = files.WIDTH_PX * files.HEIGHT_PX
    read_picture(files.encoded("PNG"), MediaLimits(max_pixels=exact))
    with pytest.raises(MediaTooLarge):
        read_picture(files.encoded("PNG"), MediaLimits(max_pixels=exact - 1))


@pytest.mark.parametrize("codec", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF", "GIF"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_picture_that_is_cut_off_is_damaged(codec: str, share: float) -> None:
    content = files.encoded(codec, "P" if codec == "GIF" else "RGB")
    with pytest.raises(DamagedMedia, match="cut off or corrupt"):
        read_picture(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    ("name", "content", "error", "sentence"),
    [
        ("empty.jpg", b"", EmptyInput, "is empty"),
        ("text.jpg", b"Dear Grace,\nplease find attached\n", UnsupportedMedia, "is a text file"),
        ("noise.jpg", bytes(range(1, 256)) * 9, UnsupportedMedia, "neither a picture nor a video"),
        ("zip.png", b"PK\x03\x04" + bytes(100), UnsupportedMedia, "neither a picture nor a video"),
        ("clip.jpg", b"\x1a\x45\xdf\xa3" + bytes(100), UnsupportedMedia, "is a video"),
        ("cut.jpg", files.encoded("JPEG")[:400], DamagedMedia, "cut off or corrupt"),
        ("bomb.png", files.bomb("PNG"), MediaTooLarge, "30000 × 30000 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_a_file_that_is_no_usable_picture_gives_one_clear_error(
    tmp_path: Path, name: str, content: bytes, error: type[BadMedia], sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=sentence) as caught:
        read_picture(path)
    assert name in str(caught.value)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert caught.value.remedy


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="does not exist") as missing:
        read_picture(tmp_path / "missing.jpg")
    assert missing.value.exit_code == 66
    with pytest.raises(InputMissing, match="is a folder") as folder:
        read_picture(tmp_path)
    assert "batch" in folder.value.remedy


def test_what_a_file_is_called_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "actually-a-png.jpg"
    path.write_bytes(files.encoded("PNG"))
    assert read_picture(path).format is FileFormat.PNG


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(files.encoded("PNG"))
    with pytest.raises(MediaTooLarge, match="MB"):
        read_picture(path, MediaLimits(max_picture_bytes=100))


def test_what_a_canvas_changes_is_in_the_changed_picture_and_not_in_the_first() -> None:
    picture = read_picture(files.encoded("PNG"))
    before: NDArray[np.uint8] = picture.pixels.copy()
    canvas = picture.canvas()
    black = np.zeros((8, 8, 3), np.uint8)
    canvas.write(Region(left=0, top=0, right=8, bottom=8), black, np.full((8, 8), 255, np.uint8))
    changed = picture.changed_to(canvas)
    assert (changed.pixels[:8, :8] == 0).all()
    assert (changed.pixels[8:] == before[8:]).all()
    assert (picture.pixels == before).all()
