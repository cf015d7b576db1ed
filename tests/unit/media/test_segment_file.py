"""A segment file holds what the encoder made, and is found out when it is not whole."""

from pathlib import Path

import pytest

from steadfast.errors import DamagedMedia
from steadfast.media.coded_packet import CodedPacket
from steadfast.media.segment_file import OpenSegment, SegmentFile, SegmentHeader

HEADER = SegmentHeader(encoder="libx264", time_base=(1, 25), extradata=b"header")
PACKETS = [CodedPacket(2, 1, True, b"one"), CodedPacket(1, 1, False, b"")]


def write(path: Path) -> Path:
    file = SegmentFile(path, HEADER)
    for packet in PACKETS:
        file.write(packet)
    file.close()
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with OpenSegment(write(tmp_path / "a")) as segment:
        assert segment.header == HEADER
        assert list(segment) == PACKETS


def test_the_same_packets_make_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a").read_bytes() == write(tmp_path / "b").read_bytes()


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(DamagedMedia), OpenSegment(tmp_path / "cut") as segment:
            list(segment)


@pytest.mark.parametrize("content", [b"", b"RIFF....", b"steadfast segment 1\n\xff\xff\xff\xffx"])
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DamagedMedia):
        OpenSegment(tmp_path / "a")


def test_records_that_are_no_packets_are_refused(tmp_path: Path) -> None:
    whole = bytearray(write(tmp_path / "a").read_bytes())
    whole[whole.index(b"one") - 6 : whole.index(b"one") - 2] = b"\xc1\xc1\xc1\xc1"
    (tmp_path / "a").write_bytes(whole)
    with pytest.raises(DamagedMedia), OpenSegment(tmp_path / "a") as segment:
        list(segment)
