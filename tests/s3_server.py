"""A real S3 server for tests, on a free port of this machine."""

import itertools
import os
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

REQUIRED = "S3_SERVER_REQUIRED"
"""Set where a missing server must fail the tests rather than skip them: in CI."""


@dataclass(kw_only=True)
class S3Trouble:
    """How badly it does, from now on."""

    every_fails: int = 0
    """Each so-manieth request is refused, `SlowDown` or `InternalError`, but never one twice; 0: none."""
    delay_s: float = 0.0
    """Before each answer."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    refused: int = 0
    refused_last: set[tuple[str, str]] = field(default_factory=set)
    """What is to be answered when it is asked again."""


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server with one bucket, `files`."""

    url: str
    requests: list[Any]
    """What it was asked, as werkzeug shows it."""
    objects: Any
    """What is in the bucket: name → object, as moto keeps it."""
    trouble: S3Trouble = field(default_factory=S3Trouble)

    def truncate(self, name: str) -> None:
        """Cuts an object to its first half, as a broken disk or copy does."""
        kept = self.objects[name]
        kept.value = kept.value[: len(kept.value) // 2]


@contextmanager
def s3_server(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[S3Server]:
    """Skips where moto is not installed."""
    try:
        from moto.backends import get_backend
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server
    except ImportError:
        if os.environ.get(REQUIRED):
            pytest.fail(f"moto is not installed, and {REQUIRED} is set")
        pytest.skip("moto is not installed here")
    asked: list[Any] = []
    trouble = S3Trouble()
    application = DomainDispatcherApplication(create_backend_app)

    def listening(environ: dict[str, Any], start: Any) -> Any:
        asked.append(dict(environ))
        time.sleep(trouble.delay_s)
        number = next(trouble.numbers)
        asked_for = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
        is_again = asked_for in trouble.refused_last
        trouble.refused_last.discard(asked_for)
        if trouble.every_fails and number % trouble.every_fails == 0 and not is_again:
            trouble.refused += 1
            trouble.refused_last.add(asked_for)
            return _refused(trouble.refused, start)
        return application(environ, start)

    backend = get_backend("s3")["123456789012"]["aws"]
    if is_first := "files" not in backend.buckets:
        backend.create_bucket("files", "us-east-1")
    server = make_server(host, 0, listening, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield S3Server(
            url=f"{'https' if tls else 'http'}://{host}:{server.server_port}",
            requests=asked,
            objects=backend.buckets["files"].keys,
            trouble=trouble,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if is_first:
            backend.reset()


def _refused(number: int, start: Any) -> list[bytes]:
    code, status = (
        ("SlowDown", "503 Slow Down") if number % 2 else ("InternalError", "500 Internal Server Error")
    )
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Not now.</Message></Error>".encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
