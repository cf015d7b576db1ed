"""One file from one URL into a part file: resumed after every break, never trusted before its sum is known.

A part may come from several tries and several mirrors: the catalogue's sum decides at the end, so a resumed
byte is as good as a fresh one, and a wrong one costs only a fresh start.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from steadfast import __version__

if TYPE_CHECKING:
    import ssl

    import httpx

_CHUNK_BYTES = 1 << 18
_LEAST_BYTES_PER_S = 512  # a server that drips slower than this is taken for dead
_LONGEST_WAIT_S = 60.0  # of a server's Retry-After
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})

OnBytes = Callable[[int], None]
"""Told the bytes that are there so far."""


class Refused(Exception):
    """This URL will not give the file however often it is asked; internal to the store."""


class BrokenOff(Exception):
    """The transfer failed, but may succeed when tried again; internal to the store."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """What to fetch, and how patiently."""

    url: str  # file://, http:// or https://
    part: Path  # grows as bytes arrive; may hold some from an earlier try
    size_bytes: int  # what the whole file must have
    connect_timeout_s: float
    read_timeout_s: float


def fetch(transfer: Transfer, on_bytes: OnBytes) -> None:
    """Brings the part up to its full size.

    Raises `Refused` or `BrokenOff`; `OSError` where the part cannot be written. Afterwards its size is right;
    whether its bytes are is for the caller to check.
    """
    if transfer.url.startswith("file://"):
        _copy(transfer, on_bytes)
    else:
        _download(transfer, on_bytes)


def _copy(transfer: Transfer, on_bytes: OnBytes) -> None:
    source = Path(unquote(urlsplit(transfer.url).path))
    try:
        found_bytes = source.stat().st_size
        if found_bytes != transfer.size_bytes:
            raise Refused(_wrong_size(found_bytes, transfer.size_bytes))
        opened = source.open("rb")
    except OSError as error:
        raise Refused(error.strerror or str(error)) from error
    with opened as stream, transfer.part.open("wb") as part:
        shutil.copyfileobj(stream, part, _CHUNK_BYTES)
        on_bytes(part.tell())


def _download(transfer: Transfer, on_bytes: OnBytes) -> None:
    import httpx  # noqa: PLC0415 — 0.1 s that a run with all its models in place need not pay

    timeout = httpx.Timeout(transfer.read_timeout_s, connect=transfer.connect_timeout_s)
    headers = {"Accept-Encoding": "identity", "User-Agent": f"steadfast/{__version__}"}
    try:
        with httpx.Client(
            timeout=timeout, headers=headers, follow_redirects=True, verify=_trusted()
        ) as client:
            _resume(client, transfer, on_bytes)
    except httpx.TooManyRedirects as error:
        raise Refused("it redirects in a circle") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Refused(str(error)) from error
    except httpx.TimeoutException as error:
        raise BrokenOff("it did not answer in time") from error
    except httpx.HTTPError as error:
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        raise BrokenOff(reason[:1].lower() + reason[1:]) from error


@cache
def _trusted() -> "ssl.SSLContext":
    """Whom the machine trusts, read once: a hundred certificates take longer than a small file."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()


def _resume(client: "httpx.Client", transfer: Transfer, on_bytes: OnBytes) -> None:
    there_bytes = _usable_bytes(transfer)
    if there_bytes == transfer.size_bytes:
        return
    headers = _range_headers(transfer, there_bytes)
    with client.stream("GET", transfer.url, headers=headers) as response:
        offset = _offset_of(response, transfer, there_bytes)
        _remember_validator(transfer, response)
        with transfer.part.open("r+b" if offset else "wb") as part:
            part.seek(offset)
            part.truncate()
            _receive(response, part, transfer, on_bytes)
    arrived_bytes = transfer.part.stat().st_size
    if arrived_bytes < transfer.size_bytes:
        raise BrokenOff(f"it ended after {arrived_bytes} of {transfer.size_bytes} bytes")


def _usable_bytes(transfer: Transfer) -> int:
    try:
        there_bytes = transfer.part.stat().st_size
    except FileNotFoundError:
        return 0
    return there_bytes if there_bytes <= transfer.size_bytes else 0


def _range_headers(transfer: Transfer, there_bytes: int) -> dict[str, str]:
    if not there_bytes:
        return {}
    headers = {"Range": f"bytes={there_bytes}-"}
    # With If-Range a server whose file has changed sends the whole of it instead of an end that does not fit.
    if validator := _validator_of(transfer):
        headers["If-Range"] = validator
    return headers


def _offset_of(response: "httpx.Response", transfer: Transfer, asked_from: int) -> int:
    """Where the body of this answer belongs in the part; raises where it is not the file."""
    status = response.status_code
    if status in _RETRYABLE:
        raise BrokenOff(_status_text(status), retry_after_s=_retry_after_s(response.headers))
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        transfer.part.unlink(missing_ok=True)
        raise BrokenOff("it refused to resume")
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise Refused(_status_text(status))
    offset = asked_from if status == HTTPStatus.PARTIAL_CONTENT else 0
    _refuse_other_content(response, transfer, offset)
    return offset


def _refuse_other_content(response: "httpx.Response", transfer: Transfer, offset: int) -> None:
    """Refuses from the headers what cannot be the file: a web page, a packed body, another size or range."""
    headers = response.headers
    if headers.get("Content-Type", "").startswith("text/html"):
        raise Refused("it answers with a web page")
    if headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(f"it packs its answer ({headers['Content-Encoding']})")
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        expected = f"bytes {offset}-{transfer.size_bytes - 1}/{transfer.size_bytes}"
        if headers.get("Content-Range") != expected:
            transfer.part.unlink(missing_ok=True)
            raise BrokenOff(f"it resumed elsewhere ({headers.get('Content-Range')})")
    length = headers.get("Content-Length")
    if length is not None and length != str(transfer.size_bytes - offset):
        raise Refused(_wrong_size(length, transfer.size_bytes - offset))


def _receive(response: "httpx.Response", part: BinaryIO, transfer: Transfer, on_bytes: OnBytes) -> None:
    for chunk in _watched(response.iter_raw(), transfer.read_timeout_s):
        if part.tell() + len(chunk) > transfer.size_bytes:
            part.truncate(0)
            raise Refused(f"it sends more than the {transfer.size_bytes} bytes of the file")
        part.write(chunk)
        on_bytes(part.tell())


def _watched(chunks: Iterator[bytes], window_s: float) -> Iterator[bytes]:
    """The chunks, broken off where they only drip: a read timeout alone never ends a byte now and then."""
    since, arrived_bytes = monotonic(), 0
    for chunk in chunks:
        yield chunk
        arrived_bytes += len(chunk)
        elapsed_s = monotonic() - since
        if elapsed_s > window_s:
            if arrived_bytes < _LEAST_BYTES_PER_S * elapsed_s:
                raise BrokenOff(f"only {arrived_bytes} bytes came in {elapsed_s:.0f} s")
            since, arrived_bytes = monotonic(), 0


def _validator_file(transfer: Transfer) -> Path:
    return transfer.part.with_suffix(".validator")


def _validator_of(transfer: Transfer) -> str | None:
    """The ETag of the file the part came from, if that was this URL."""
    try:
        url, _, validator = _validator_file(transfer).read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return validator if url == transfer.url else None


def _remember_validator(transfer: Transfer, response: "httpx.Response") -> None:
    etag = response.headers.get("ETag", "")
    # Only a strong validator may stand in If-Range (RFC 9110, 13.1.5).
    text = f"{transfer.url}\n{etag}" if etag.startswith('"') else ""
    _validator_file(transfer).write_text(text, encoding="utf-8")


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return min(float(value), _LONGEST_WAIT_S) if value.isdigit() else None


def _status_text(status: int) -> str:
    try:
        return f"it answers {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"it answers {status}"


def _wrong_size(found: int | str, expected: int) -> str:
    return f"it has {found} bytes where {expected} were expected"
