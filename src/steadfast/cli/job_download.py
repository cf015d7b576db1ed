"""Results on their way to a file: resumed where an earlier try broke off, proven by their sum, then named."""

import base64
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from steadfast.cli.service_client import ServiceClient
from steadfast.errors import BlobDamaged, OutputUnwritable

OnBytes = Callable[[int, int], None]


def download(client: ServiceClient, path: str, output: Path, on_bytes: OnBytes) -> int:
    """Fetches what is at `path` into `output`; the answer is its size in bytes.

    What came of an earlier try, of whatever day, is kept in a hidden file beside it. Raises
    `OutputUnwritable`, `BlobDamaged`, and what the service answers.
    """
    part = output.with_name(f".{output.name}.part")
    try:
        size: int = client.patiently(lambda: _fetch(client, path, part, on_bytes))
        part.replace(output)
    except OSError as error:
        raise OutputUnwritable(f"{output} cannot be written: {error.strerror}.") from error
    return size


def _fetch(client: ServiceClient, path: str, part: Path, on_bytes: OnBytes) -> int:
    mark = part.with_name(part.name + ".etag")
    has, etag = _left_by_an_earlier_try(part, mark)
    asked = {"Range": f"bytes={has}-", "If-Range": etag} if has else {}
    with client.streaming(path, asked) as answer:
        is_rest = answer.status_code == 206
        has = has if is_rest else 0
        total = has + int(answer.headers["content-length"])
        mark.write_text(answer.headers["etag"], encoding="utf-8")
        with part.open("ab" if is_rest else "wb") as stream:
            for piece in answer.iter_bytes(1 << 18):
                stream.write(piece)
                has += len(piece)
                on_bytes(has, total)
            stream.flush()
            os.fsync(stream.fileno())
        _prove(part, mark, answer)
    return total


def _left_by_an_earlier_try(part: Path, mark: Path) -> tuple[int, str]:
    """How much of which file; the last byte is fetched again, so that the range is never empty."""
    try:
        has, etag = part.stat().st_size - 1, mark.read_text(encoding="utf-8")
        with part.open("r+b") as stream:
            stream.truncate(max(0, has))
    except OSError:
        return 0, ""
    return max(0, has), etag


def _prove(part: Path, mark: Path, answer: Any) -> None:
    said = answer.headers.get("repr-digest", "").removeprefix("sha-256=:").removesuffix(":")
    with part.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    with suppress(OSError):
        mark.unlink()
    if said and base64.b64decode(said) != digest:
        part.unlink()
        raise BlobDamaged("What was fetched is not what the service has.", remedy="Fetch it again.")
