"""Any bytes may be handed in as a log."""

import bz2
import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from steadfast.errors import InputMissing, LogUnreadable
from steadfast.health.log_diagnosis.diagnosis import diagnose
from steadfast.health.log_diagnosis.log_files import LONGEST_LINE_BYTES, open_log, read_blocks
from steadfast.health.log_diagnosis.prefilter import Vocabulary

SIGN = "ERROR OSError: [Errno 28] No space left on device"


class Endless(io.RawIOBase):
    """So many bytes without a line's end, and never all at once."""

    def __init__(self, size_bytes: int) -> None:
        self.left = size_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        size = min(len(buffer), self.left)
        self.left -= size
        buffer[:size] = b"x" * size
        return size


def found_in(file: Path) -> list[tuple[str, int]]:
    return [(finding.rule, finding.first.line) for finding in diagnose([str(file)]).findings]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gz", "bz2", "xz"]
)
def test_packed_logs_are_read_like_plain_ones(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(pack(f"INFO hello\n{SIGN}\nINFO bye\n".encode()))
    assert found_in(file) == [("disk_full", 2)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
)
def test_logs_in_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(f"INFO Köln, façade, año\n{SIGN}\n".encode(encoding))
    assert found_in(file) == [("disk_full", 2)]


def test_bytes_that_fit_no_encoding_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(b"INFO \xff\xfe\x80 caf\xe9 \xc3\n" + SIGN.encode() + b" \xff\n")
    assert found_in(file) == [("disk_full", 2)]


def test_a_log_holed_by_a_power_cut_is_read(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(b"INFO hello\n" + b"\0" * 40_000 + f"\n{SIGN}\n".encode())
    assert found_in(file) == [("disk_full", 3)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (bytes(range(256)) * 40, "binary"),
        (b"\0" * 5000, "binary"),
        (b"\x7fELF" + bytes(200), "program"),
        (b"LPKSHHRH" + bytes(200), "journal"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "zstd"),
        (b"PK\x03\x04" + bytes(50), "zip"),
    ],
)
def test_what_is_no_log_is_refused_with_the_reason(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(content)
    with pytest.raises(LogUnreadable, match=told):
        diagnose([str(file)])


def test_a_packed_log_that_breaks_off_is_read_to_the_break_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "server.log.gz"
    whole = gzip.compress((f"{SIGN}\n" + "INFO hello\n" * 50_000).encode(), compresslevel=0)
    file.write_bytes(whole[: len(whole) * 2 // 3])
    diagnosis = diagnose([str(file)])
    assert [finding.rule for finding in diagnosis.findings] == ["disk_full"]
    assert "breaks off" in diagnosis.skipped[0].reason


def test_one_bad_log_among_others_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.log", tmp_path / "bad.log"
    good.write_text(f"{SIGN}\n")
    bad.write_bytes(bytes(range(256)) * 40)
    diagnosis = diagnose([str(bad), str(tmp_path / "none.log"), str(good)])
    assert [finding.rule for finding in diagnosis.findings] == ["disk_full"]
    assert [skipped.file for skipped in diagnosis.skipped] == [str(bad), str(tmp_path / "none.log")]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        diagnose([str(tmp_path / "none.log")])
    with pytest.raises((InputMissing, LogUnreadable)):
        diagnose([str(tmp_path)])


def test_an_empty_log_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty.log"
    file.touch()
    assert diagnose([str(file)]).findings == []


@pytest.mark.parametrize("before", [10, LONGEST_LINE_BYTES - 20, 2 * LONGEST_LINE_BYTES + 7])
def test_a_sign_anywhere_in_a_huge_line_is_found_once(before: int, tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(b"INFO hello\n" + b"x " * (before // 2) + SIGN.encode() + b" y" * LONGEST_LINE_BYTES)
    (finding,) = diagnose([str(file)]).findings
    assert (finding.rule, finding.first.line) == ("disk_full", 2)
    assert len(finding.evidence[0].text) < 400


def test_a_line_without_an_end_takes_no_more_memory_than_a_block_or_two() -> None:
    stream = io.BufferedReader(Endless(40 * LONGEST_LINE_BYTES))
    tracemalloc.start()
    lines = {block.first_line for block in read_blocks(stream, "endless")}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == {1}
    assert peak < 8 * LONGEST_LINE_BYTES


def test_line_numbers_hold_across_blocks(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    lines = ["INFO " + "a" * 500 for _ in range(9000)]
    lines[7654] = SIGN
    file.write_text("\n".join(lines))
    assert found_in(file) == [("disk_full", 7655)]
    assert diagnose([str(file)]).lines == 9000


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(f"{SIGN}\n".encode()))
    monkeypatch.setattr("sys.stdin", given)
    with open_log("-") as stream:
        assert stream.read() == f"{SIGN}\n".encode()


@pytest.mark.parametrize("before", [0, 200, 250, 256, 300, 511])
def test_a_sign_inside_a_word_without_an_end_is_not_lost(before: int) -> None:
    """Of an endless word only the different pieces are kept: a literal on the cut is whole in one of them."""
    vocabulary = Vocabulary(b"x" * before + b"segmentationfault" + b"x" * 100_000)
    assert vocabulary.may_hold(b"segmentationfault")
    assert not vocabulary.may_hold(b"faultx" + b"y")
    assert len(vocabulary._words) < 5000
