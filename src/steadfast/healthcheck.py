"""`python -m steadfast.healthcheck`: status 0 while the service of this machine or container is well, else 1.

For the `HEALTHCHECK` of an image and the like, which run it every few seconds: only the standard library, and
no TLS, so that it takes some 40 ms. It asks `/health/simple` where the server wrote down that it listens, or
at `STEADFAST_URL`.
"""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ADDRESS_FILE = "address"
"""In the data folder: `host port` of the server that was started last."""
_USUAL_PORT = 8080
_WITHIN_S = 4.0
_LONGEST_ANSWER_BYTES = 4096
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104


class Answer(NamedTuple):
    """What the service said of itself."""

    is_well: bool
    word: str  # `OK`, `FAIL`, or why nothing was said


def write_address(data_dir: Path, host: str, port: int) -> None:
    """Leaves word where the server listens; without it only the usual port is asked."""
    with suppress(OSError):
        aside = data_dir / f".{ADDRESS_FILE}.{os.getpid()}"
        aside.write_text(f"{host} {port}\n", encoding="ascii")
        aside.replace(data_dir / ADDRESS_FILE)


def address_of(environment: Mapping[str, str], data_dir: Path | None = None) -> tuple[str, int]:
    """Where to ask: as `STEADFAST_URL` says, else as the server wrote down, else the usual port."""
    if url := environment.get("STEADFAST_URL"):
        host, _, port = url.partition("://")[2].partition("/")[0].rpartition(":")
        return (host.strip("[]"), int(port)) if port.isdecimal() else (port or host, 80)
    folder = data_dir or Path(environment.get("STEADFAST_DATA_DIR") or ".")
    try:
        host, port = (folder / ADDRESS_FILE).read_text(encoding="ascii").split()
        return _ANYWHERE.get(host, host), int(port)
    except (OSError, ValueError):
        return "127.0.0.1", _USUAL_PORT


def ask(host: str, port: int, *, within_s: float = _WITHIN_S) -> Answer:
    """One question; whatever goes wrong is an answer too."""
    name = f"[{host}]" if ":" in host else host
    headers = f"Host: {name}:{port}\r\nUser-Agent: steadfast-healthcheck\r\n"
    request = f"GET /health/simple HTTP/1.0\r\n{headers}\r\n"
    try:
        with socket.create_connection((host, port), timeout=within_s) as connection:
            connection.sendall(request.encode("ascii"))
            reply = b""
            while len(reply) < _LONGEST_ANSWER_BYTES and (piece := connection.recv(_LONGEST_ANSWER_BYTES)):
                reply += piece
    except TimeoutError:
        return Answer(False, f"no answer from {name}:{port} within {within_s:g} s")
    except OSError as error:
        return Answer(False, f"nobody answers at {name}:{port} ({error.strerror or error})")
    head, _, body = reply.partition(b"\r\n\r\n")
    word = body.decode("ascii", "replace").strip()[:40]
    return Answer(head.split(b" ", 2)[1:2] == [b"200"] and word == "OK", word or "an empty answer")


def main() -> int:
    """Asks once; the word goes to standard output, where `docker inspect` shows it."""
    answer = ask(*address_of(os.environ))
    sys.stdout.write(f"{answer.word}\n")
    return 0 if answer.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
