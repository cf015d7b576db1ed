"""A real S3 server for tests, on a free port of this machine."""

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

REQUIRED = "S3_SERVER_REQUIRED"
"""Set where a missing server must fail the tests rather than skip them: in CI."""


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server with one bucket, `files`."""

    url: str
    requests: list[Any]
    """What it was asked, as werkzeug shows it."""


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
    application = DomainDispatcherApplication(create_backend_app)

    def listening(environ: dict[str, Any], start: Any) -> Any:
        asked.append(dict(environ))
        return application(environ, start)

    backend = get_backend("s3")["123456789012"]["aws"]
    if is_first := "files" not in backend.buckets:
        backend.create_bucket("files", "us-east-1")
    server = make_server(host, 0, listening, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield S3Server(url=f"{'https' if tls else 'http'}://{host}:{server.server_port}", requests=asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if is_first:
            backend.reset()
