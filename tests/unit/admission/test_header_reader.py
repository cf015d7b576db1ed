"""A header tells the size, and no header can do harm."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from steadfast.admission.header_reader import HEADER_BYTES, PictureHeader, read_header
from steadfast.media.sniff import FileFormat

WIDTH, HEIGHT = 321, 123


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (120, 90, 60)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "found", "options"),
    [
        ("PNG", FileFormat.PNG, {}),
        ("JPEG", FileFormat.JPEG, {}),
        ("JPEG", FileFormat.JPEG, {"progressive": True}),
        ("JPEG", FileFormat.JPEG, {"icc_profile": b"p" * 40_000, "exif": b"Exif\0\0" + b"e" * 20_000}),
        ("GIF", FileFormat.GIF, {}),
        ("BMP", FileFormat.BMP, {}),
        ("WEBP", FileFormat.WEBP, {}),
        ("WEBP", FileFormat.WEBP, {"lossless": True}),
        ("AVIF", FileFormat.AVIF, {}),
    ],
)
def test_the_size_of_a_real_file_is_found(kind: str, found: FileFormat, options: dict[str, object]) -> None:
    head = encoded(kind, **options)[:HEADER_BYTES]
    expected = PictureHeader(format=found, width_px=WIDTH, height_px=HEIGHT)
    assert read_header(head) == expected
    assert read_header(memoryview(head)) == expected


def test_a_bitmap_that_runs_from_top_to_bottom_has_a_positive_height() -> None:
    head = bytearray(encoded("BMP"))
    struct.pack_into("<i", head, 22, -HEIGHT)
    assert read_header(bytes(head)).height_px == HEIGHT


def test_what_is_cut_off_has_a_format_but_no_size() -> None:
    cut = read_header(encoded("JPEG")[:20])
    assert cut == PictureHeader(format=FileFormat.JPEG)
    assert cut.features() == {"format": "jpeg"}


def test_sizes_beyond_reason_are_not_passed_on() -> None:
    head = bytearray(encoded("PNG"))
    struct.pack_into(">I", head, 16, 0xFFFF_FFFF)
    assert read_header(bytes(head)).pixels == 0


def test_a_jpeg_of_nothing_but_segments_is_given_up_soon() -> None:
    header = read_header(b"\xff\xd8\xff\xe0" + b"\x00\x02\xff\xe0" * 16_000)
    assert header == PictureHeader(format=FileFormat.JPEG)


MAGIC = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"BM",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"\0\0\0\x18ftypheic",
]


@given(magic=st.sampled_from(MAGIC), rest=st.binary(max_size=300))
def test_no_bytes_make_it_fail(magic: bytes, rest: bytes) -> None:
    header = read_header(magic + rest)
    assert header.pixels >= 0


@given(at=st.integers(0, 400), value=st.integers(0, 255), kind=st.sampled_from(["JPEG", "PNG", "AVIF"]))
def test_no_changed_byte_makes_it_fail(at: int, value: int, kind: str) -> None:
    head = bytearray(PICTURES[kind])
    head[at % len(head)] = value
    assert read_header(bytes(head)).width_px >= 0


PICTURES = {kind: encoded(kind) for kind in ("JPEG", "PNG", "AVIF")}
