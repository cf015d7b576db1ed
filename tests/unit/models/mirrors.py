"""A real HTTP server on this machine that misbehaves on purpose, and the small model it serves."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from steadfast.models.catalogue import Catalogue, CommercialUse, Model, ModelFamily, ModelFile, ModelRole

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several chunks and more than one progress step


def tiny_model(
    *urls: str, content: bytes = CONTENT, commercial: CommercialUse = CommercialUse.YES, name: str = "tiny"
) -> Model:
    """A model of one file with this content, served at these URLs."""
    file = ModelFile(
        name=f"{name}.onnx", size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), urls=urls
    )
    return Model(
        name=name,
        role=ModelRole.DETECTOR,
        family=ModelFamily.STANDARD,
        license="Test licence",
        commercial=commercial,
        files=(file,),
    )


def restricted_model(*urls: str) -> Model:
    """The tiny model under a licence that forbids commercial use."""
    return tiny_model(*urls, commercial=CommercialUse.NO)


def damage(path: Path) -> None:
    """One flipped bit, the size unchanged."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def catalogue_of(*models: Model) -> Catalogue:
    """These models and no other."""
    return Catalogue(models)


@dataclass
class Mirror:
    """One server: what it was asked, and how it answers the next requests."""

    url: str = ""
    ranges: list[str | None] = field(default_factory=list)  # the Range header of every request so far
    if_ranges: list[str | None] = field(default_factory=list)
    answers: list["Answer"] = field(default_factory=list)  # used up in turn; then `whole`

    @property
    def host(self) -> str:
        """Its name and port."""
        return urlsplit(self.url).netloc


Answer = Callable[[BaseHTTPRequestHandler], None]


def whole(handler: BaseHTTPRequestHandler) -> None:
    """The right content, from where it was asked for."""
    ranged = handler.headers.get("Range")
    start = int(ranged.removeprefix("bytes=").rstrip("-")) if ranged else 0
    handler.send_response(206 if ranged else 200)
    if ranged:
        handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    _body(handler, CONTENT[start:])


def without_ranges(handler: BaseHTTPRequestHandler) -> None:
    """The whole content, whatever was asked for."""
    handler.send_response(200)
    _body(handler, CONTENT)


def dying_after(size_bytes: int) -> Answer:
    """Promises everything, sends this much of it, and closes the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ranged = handler.headers.get("Range")
        start = int(ranged.removeprefix("bytes=").rstrip("-")) if ranged else 0
        handler.send_response(206 if ranged else 200)
        if ranged:
            handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        _body(handler, CONTENT[start:], send_bytes=size_bytes)

    return answer


def stalling_after(
    size_bytes: int, release: threading.Event, arrived: threading.Event | None = None
) -> Answer:
    """Sends this much, sets `arrived`, and then sends nothing, without closing, until `release` is set."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        _body(handler, CONTENT, send_bytes=size_bytes)
        handler.wfile.flush()
        if arrived is not None:
            arrived.set()
        release.wait(timeout=30)

    return answer


def serving(content: bytes, *, content_type: str = "application/octet-stream", status: int = 200) -> Answer:
    """This content, whatever was asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        _body(handler, content)

    return answer


def with_headers(answer: Answer, **headers: str) -> Answer:
    """That answer with more headers; `_` in a name stands for `-`."""

    def extended(handler: BaseHTTPRequestHandler) -> None:
        end_headers = handler.end_headers

        def end_with_more() -> None:
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            end_headers()

        handler.end_headers = end_with_more  # type: ignore[method-assign]
        try:
            answer(handler)
        finally:
            handler.end_headers = end_headers  # type: ignore[method-assign]

    return extended


def redirecting_to(url: str) -> Answer:
    """Sends the client elsewhere."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def resuming_elsewhere(handler: BaseHTTPRequestHandler) -> None:
    """Answers a range with another range of the right length."""
    start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 0-{len(CONTENT) - start - 1}/{len(CONTENT)}")
    _body(handler, CONTENT[: len(CONTENT) - start])


def serving_without_length(content: bytes) -> Answer:
    """This content, its end marked only by the end of the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def _body(handler: BaseHTTPRequestHandler, content: bytes, *, send_bytes: int | None = None) -> None:
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()[:8]}"')
    handler.end_headers()
    handler.wfile.write(content[:send_bytes])
    if send_bytes is not None:
        handler.close_connection = True


@contextmanager
def running_mirror(*answers: Answer) -> Iterator[Mirror]:
    """A server on a free port that gives these answers in turn and then behaves."""
    mirror = Mirror(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.ranges.append(self.headers.get("Range"))
            mirror.if_ranges.append(self.headers.get("If-Range"))
            answer = mirror.answers.pop(0) if mirror.answers else whole
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client had heard enough

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_port}/tiny.onnx"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
