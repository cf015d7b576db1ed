"""Bytes of logs in blocks of whole lines: plain or packed, of any size, with memory that does not grow."""

import bz2
import codecs
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from steadfast.errors import InputMissing, LogUnreadable

BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 20
"""A longer line is read in pieces."""
OVERLAP_BYTES = 4096
"""Of two pieces of one line, so that a sign on the cut is not lost."""

_STDIN = "-"
_HEAD_BYTES = 1 << 16
_MOST_CONTROLS = 0.05  # share of control characters in text; binary files have a fifth and more
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\b\x1b") + b"\x7f"
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN = (
    (b"LPKSHHRH", "a systemd journal", "Make text of it: `journalctl --file FILE -o short-iso > log.txt`."),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "Unpack it first: `zstd -d FILE`."),
    (b"PK\x03\x04", "a zip archive", "Unpack it first: `unzip FILE`."),
    (b"\x7fELF", "a program or a core dump", None),
    (b"SQLite format 3", "a database", None),
)


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines; only the last one may lack its end."""

    data: bytes
    first_line: int
    """Number of its first line, from 1."""
    continues: bool = False
    """Whether its first line began in the block before."""


@contextmanager
def open_log(name: str) -> Iterator[IO[bytes]]:
    """The log's bytes, unpacked; `-` is standard input.

    Raises `InputMissing` where it cannot be opened and `LogUnreadable` where it is no log.
    """
    if name == _STDIN:
        yield _unpacked(sys.stdin.buffer, "standard input")
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 — closed below, whatever wraps it
    except OSError as error:
        raise InputMissing(f"The log {name} cannot be opened: {error.strerror}.") from error
    with file:
        yield _unpacked(file, name)


def read_blocks(stream: IO[bytes], name: str) -> Iterator[Block]:
    """The log in blocks of whole lines; a line of gigabytes comes in pieces that overlap a little.

    Raises `LogUnreadable` where the bytes are no text, or where a packed file breaks off: what could be read
    has been handed out before.
    """
    carried, line, continues = b"", 1, False
    for fresh in filter(None, _text_of(stream, name)):
        data = carried + fresh
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < LONGEST_LINE_BYTES:
            carried = data
            continue
        if cut:
            yield Block(data[:cut], line, continues)
            line += data.count(b"\n", 0, cut)
            carried, continues = data[cut:], False
        if len(carried if cut else data) >= LONGEST_LINE_BYTES:
            piece = carried if cut else data
            yield Block(piece, line, continues)
            carried, continues = piece[-OVERLAP_BYTES:], True
    if carried:
        yield Block(carried, line, continues)


def _text_of(stream: IO[bytes], name: str) -> Iterator[bytes]:
    head = _read(stream, _HEAD_BYTES, name)
    encoding = next((encoding for mark, encoding in _ENCODINGS if head.startswith(mark)), _guessed(head))
    if encoding is None:
        _refuse_binary(head, name)
        data = head
        while data:
            # A file that was cut off by a power failure ends in, or is holed by, zero bytes.
            yield data.translate(None, b"\0") if b"\0" in data else data
            data = _read(stream, BLOCK_BYTES, name)
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    data = head
    while data:
        yield decoder.decode(data).encode()
        data = _read(stream, BLOCK_BYTES, name)


def _guessed(head: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of plain text is zero."""
    if len(head) < 64:
        return None
    even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
    half = min(len(head), 4096) // 2
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * half and odd < 0.1 * half else None


def _refuse_binary(head: bytes, name: str) -> None:
    for mark, what, remedy in _FOREIGN:
        if head.startswith(mark):
            raise LogUnreadable(f"{name} is {what}, not a text log.", remedy=remedy)
    text = head.translate(None, b"\0")
    controls = len(text) - len(text.translate(None, _CONTROLS))
    if controls > _MOST_CONTROLS * len(text) or (head and not text):
        raise LogUnreadable(f"{name} is binary, not a text log.")


def _unpacked(stream: BinaryIO | IO[bytes], name: str) -> IO[bytes]:
    """The stream, unpacked if its first bytes say that it is packed."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    try:
        head = buffered.peek(16)
    except OSError as error:  # a folder, for one
        raise LogUnreadable(f"{name} cannot be read: {error.strerror or error}.") from error
    if head.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(fileobj=buffered))
    if head.startswith(b"BZh"):
        return io.BufferedReader(bz2.BZ2File(buffered))
    return io.BufferedReader(lzma.LZMAFile(buffered)) if head.startswith(b"\xfd7zXZ\0") else buffered


def _read(stream: IO[bytes], size_bytes: int, name: str) -> bytes:
    try:
        return stream.read(size_bytes)
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise LogUnreadable(
            f"{name} breaks off: the packed file is cut or damaged. What lies before was read.",
            remedy="Copy the file again to see its end.",
        ) from error
    except OSError as error:
        raise LogUnreadable(f"{name} cannot be read to its end: {error.strerror or error}.") from error
