"""Results on their way out: whole, in ranges, or not at all where the client has them (RFC 9110)."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from steadfast.api.exchange import Exchange
from steadfast.api.job_archive import archive_of
from steadfast.api.reply import Header
from steadfast.blobs.blob import parse_address
from steadfast.blobs.library import BlobLibrary
from steadfast.errors import BlobMissing, RangeUnusable, ResultGone
from steadfast.jobs.job import Item, ResultFile

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9 ._()+-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """Some bytes of a file."""

    first_byte: int
    size_bytes: int

    def content_range(self, whole_bytes: int) -> bytes:
        """As the header of that name says it."""
        return b"bytes %d-%d/%d" % (self.first_byte, self.first_byte + self.size_bytes - 1, whole_bytes)


async def send_result(exchange: Exchange, library: BlobLibrary, result: ResultFile) -> None:
    """Answers with the file, or the range that is asked for.

    Raises `ResultGone`; a range that begins behind the end is answered 416.
    """
    etag = f'"{result.sha256}"'.encode()
    headers = _described(result, etag)
    if _has_it(exchange, etag):
        await exchange.answer(304, result.media_type.encode(), b"", headers)
        return
    try:
        extent = _extent_asked(exchange, result.size_bytes, etag)
    except RangeUnusable as error:
        await exchange.refuse(error, [(b"content-range", b"bytes */%d" % result.size_bytes)])
        return
    status = 200
    if extent is None:
        extent = Extent(first_byte=0, size_bytes=result.size_bytes)
    else:
        status = 206
        headers.append((b"content-range", extent.content_range(result.size_bytes)))
    pieces = await asyncio.to_thread(_opened, library, result, extent)
    await exchange.answer_stream(
        result.media_type.encode(),
        _in_threads(pieces if exchange.method != "HEAD" else iter(())),
        status=status,
        headers=headers,
        size_bytes=extent.size_bytes,
    )


async def send_archive(
    exchange: Exchange, library: BlobLibrary, items: Sequence[Item], *, name: str, at: datetime
) -> None:
    """Answers with a ZIP of the results; its length is known only when it was sent, so it has no ranges."""
    pieces = archive_of(items, at, lambda address: library.read(parse_address(address)))
    await exchange.answer_stream(
        b"application/zip",
        _in_threads(pieces if exchange.method != "HEAD" else iter(())),
        headers=[(b"content-disposition", f'attachment; filename="{name}.zip"'.encode())],
    )


def extent_of(text: str, whole_bytes: int) -> Extent | None:
    """The one range in a `Range` header; None: none, or several, which are answered with the whole.

    Raises `RangeUnusable`.
    """
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last so many
        size = min(int(found[2]), whole_bytes)
        first, last = whole_bytes - size, whole_bytes - 1
    else:
        first, last = int(found[1]), min(int(found[2] or whole_bytes), whole_bytes - 1)
        if found[2] and int(found[2]) < first:
            return None  # no range at all, says the standard
    if first >= whole_bytes:
        raise RangeUnusable(f"The result has {whole_bytes} bytes.")
    return Extent(first_byte=first, size_bytes=last - first + 1)


def _extent_asked(exchange: Exchange, whole_bytes: int, etag: bytes) -> Extent | None:
    asked = exchange.headers.get(b"range")
    condition = exchange.headers.get(b"if-range")
    # Of another file a range would be put behind bytes that it does not belong to.
    if asked is None or (condition is not None and condition != etag):
        return None
    return extent_of(asked.decode("latin-1"), whole_bytes)


def _has_it(exchange: Exchange, etag: bytes) -> bool:
    known = exchange.headers.get(b"if-none-match", b"")
    return known == b"*" or etag in [one.strip().removeprefix(b"W/") for one in known.split(b",")]


def _described(result: ResultFile, etag: bytes) -> list[Header]:
    plain = _NOT_IN_A_NAME.sub("_", result.name) or "result"
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(result.name, safe='')}"
    digest = base64.b64encode(bytes.fromhex(result.sha256))
    return [
        (b"etag", etag),
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", named.encode()),
        (b"repr-digest", b"sha-256=:%b:" % digest),  # RFC 9530: of the whole, also beside a range
    ]


def _opened(library: BlobLibrary, result: ResultFile, extent: Extent) -> Iterator[bytes]:
    address = parse_address(result.address)
    pieces = library.read(address, first_byte=extent.first_byte, size_bytes=extent.size_bytes)
    try:
        first = next(pieces, b"")  # what is gone is said before the answer begins
    except BlobMissing as error:
        raise ResultGone("The result was deleted a moment ago.") from error
    return _again(first, pieces)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
