"""Every output says what it is, in words that others read, and never less than its input said."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from tests import picture_files as files

from steadfast.media import xmp
from steadfast.media.picture_writer import encode_picture, write_picture
from steadfast.media.pictures import read_picture
from steadfast.media.provenance import (
    Mark,
    mark_in_packet,
    mark_in_video_metadata,
    read_mark,
    video_metadata,
    xmp_packet,
)
from steadfast.media.sniff import FileFormat

GEOMETRIC = Mark(
    generative=False, program="Steadfast 1.2.3", engine="standard", models=("yunet", "face <&> mesh")
)
NEURAL = Mark(generative=True, program="Steadfast 1.2.3", engine="neural")
CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
MARKABLE = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "HEIC", "AVIF"]
EDITED = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmp:CreatorTool="An Editor" tiff:Orientation="6" hdrgm:Version="1.0" ext:DigitalSourceType="%s">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) A Photographer</rdf:li></rdf:Alt></dc:rights>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"""


def edited(source_type: str) -> bytes:
    return EDITED.replace(b"%s", f"{CODES}{source_type}".encode())


def source_types_in(packet: bytes) -> list[str | None]:
    """As another program would read it: the element or the attribute."""
    root = ElementTree.fromstring(packet)
    return [e.text for e in root.iter(SOURCE_TYPE)] + [
        e.attrib[SOURCE_TYPE] for e in root.iter() if SOURCE_TYPE in e.attrib
    ]


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while data[at + 1] != 0xDA:
        size = struct.unpack_from(">H", data, at + 2)[0]
        yield data[at + 1], data[at + 4 : at + 2 + size]
        at += 2 + size


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        yield kind, body
        at += 12 + size


@pytest.mark.parametrize("codec", MARKABLE)
@pytest.mark.parametrize("mark", [GEOMETRIC, NEURAL], ids=["geometric", "neural"])
def test_the_mark_comes_back_from_every_format_that_can_hold_it(
    tmp_path: Path, codec: str, mark: Mark
) -> None:
    path = tmp_path / f"out.{codec.lower()}"
    write_picture(read_picture(files.encoded("PNG")), path, mark=mark)
    assert read_mark(path) == mark


@pytest.mark.parametrize("deep", [True, False], ids=["16-bit", "8-bit"])
def test_a_mark_in_png_and_tiff_does_not_depend_on_depth(deep: bool) -> None:
    picture = read_picture(files.deep(".png", alpha=True) if deep else files.encoded("PNG", "RGBA"))
    for target in (FileFormat.PNG, FileFormat.TIFF):
        content, _ = encode_picture(picture, target, mark=GEOMETRIC)
        assert mark_in_packet(read_picture(content).metadata.xmp or b"") == GEOMETRIC


def test_jpeg_holds_the_packet_in_the_segment_that_the_standard_names() -> None:
    content, _ = encode_picture(read_picture(files.encoded("PNG")), FileFormat.JPEG, mark=GEOMETRIC)
    head = b"http://ns.adobe.com/xap/1.0/\0"
    packets = [
        body[len(head) :] for kind, body in jpeg_segments(content) if kind == 0xE1 and body.startswith(head)
    ]
    assert [source_types_in(p) for p in packets] == [[f"{CODES}compositeSynthetic"]]


def test_png_holds_the_packet_in_an_uncompressed_itxt_chunk_before_the_pixels() -> None:
    content, _ = encode_picture(read_picture(files.encoded("PNG")), FileFormat.PNG, mark=NEURAL)
    chunks = list(png_chunks(content))
    assert [kind for kind, _ in chunks][:2] == [b"IHDR", b"iTXt"]
    keyword, rest = chunks[1][1].split(b"\0", 1)
    assert keyword == b"XML:com.adobe.xmp"
    assert rest[:4] == b"\0\0\0\0"
    assert source_types_in(rest[4:]) == [f"{CODES}compositeWithTrainedAlgorithmicMedia"]


def test_a_gif_with_the_mark_still_plays() -> None:
    content, _ = encode_picture(read_picture(files.encoded("PNG")), FileFormat.GIF, mark=GEOMETRIC)
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert image.size == (files.WIDTH_PX, files.HEIGHT_PX)
    assert xmp.packet_in_gif(content) is not None


def test_bmp_cannot_hold_the_mark_and_that_is_said() -> None:
    _, notes = encode_picture(read_picture(files.encoded("PNG")), FileFormat.BMP, mark=GEOMETRIC)
    assert any("does not say what it is" in note for note in notes)


@pytest.mark.parametrize("codec", MARKABLE)
def test_without_a_mark_nothing_is_said(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"out.{codec.lower()}"
    write_picture(read_picture(files.encoded("PNG")), path, mark=None)
    assert read_mark(path) is None
    assert b"Steadfast" not in path.read_bytes()


def test_what_others_wrote_is_kept_and_what_no_longer_holds_is_not() -> None:
    packet, notes = xmp_packet(GEOMETRIC, edited("digitalCapture"))
    assert packet is not None
    assert notes == ()
    text = packet.decode()
    assert "(c) A Photographer" in text
    assert source_types_in(packet) == [f"{CODES}compositeSynthetic"]
    assert "An Editor" not in text
    assert "tiff:Orientation" not in text
    assert "hdrgm:Version" not in text


@pytest.mark.parametrize("was", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"])
def test_a_picture_that_was_generated_is_never_marked_as_less(was: str) -> None:
    packet, _ = xmp_packet(GEOMETRIC, edited(was))
    assert packet is not None
    assert source_types_in(packet) == [f"{CODES}compositeWithTrainedAlgorithmicMedia"]


def test_without_a_mark_what_others_said_is_kept() -> None:
    packet, _ = xmp_packet(None, edited("trainedAlgorithmicMedia"))
    assert packet is not None
    assert source_types_in(packet) == [f"{CODES}trainedAlgorithmicMedia"]


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&b;</rdf:RDF>'
)
NESTED = (
    (b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + b"<rdf:Description>" * 8_000)
    + b"</rdf:Description>" * 8_000
    + b"</rdf:RDF>"
)


@pytest.mark.parametrize(
    "hostile",
    [
        LAUGHS,
        LAUGHS.decode().encode("utf-16"),
        NESTED,
        b"not xml at all",
        b"<a>\xff\xfe\xfd</a>",
        b"",
        b"<a/>" * 1_000_000,
        b'<?xml version="1.0" encoding="rot13"?><a/>',
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
    ],
    ids=[
        "entities",
        "entities in utf-16",
        "nested",
        "no xml",
        "no utf-8",
        "empty",
        "huge",
        "rot13",
        "false utf-16",
    ],
)
def test_hostile_xmp_is_dropped_with_a_note_and_the_mark_is_written_all_the_same(hostile: bytes) -> None:
    packet, notes = xmp_packet(GEOMETRIC, hostile)
    assert packet is not None
    assert mark_in_packet(packet) == GEOMETRIC
    assert len(notes) == 1
    assert "left out" in notes[0]
    assert mark_in_packet(hostile) is None


def test_xmp_that_does_not_fit_a_jpeg_segment_makes_room_for_the_mark() -> None:
    wordy = edited("digitalCapture").replace(b"A Photographer", b"A Photographer " * 6000)
    content = files.encoded("WEBP", xmp=wordy)
    jpeg, notes = encode_picture(read_picture(content), FileFormat.JPEG, mark=GEOMETRIC)
    assert mark_in_packet(read_picture(jpeg).metadata.xmp or b"") == GEOMETRIC
    assert any("does not fit" in note for note in notes)


@pytest.mark.parametrize("mark", [GEOMETRIC, NEURAL], ids=["geometric", "neural"])
def test_the_mark_comes_back_from_the_metadata_of_a_video(mark: Mark) -> None:
    metadata = video_metadata(mark)
    assert mark.source_type.value in metadata["comment"]
    assert mark_in_video_metadata({key.upper(): value for key, value in metadata.items()}) == mark
    assert mark_in_video_metadata({"comment": "Holidays 2026"}) is None
