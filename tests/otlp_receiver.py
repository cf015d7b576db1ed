"""A real receiver of OTLP over HTTP: what it is sent is decoded as the protocol says."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class OtlpReceiver:
    """Keeps every span."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(ExportTraceServiceRequest.FromString(body), dict(self.headers))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def take(self, request: ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        self.headers.append({name.lower(): value for name, value in headers.items()})
        for resource in request.resource_spans:
            self.resources.append({a.key: a.value.string_value for a in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def of_trace(self, trace_id: str) -> dict[str, Any]:
        """Its spans by name; the last one where a name comes twice."""
        return {span.name: span for span in list(self.spans) if span.trace_id.hex() == trace_id}

    def all_of_trace(self, trace_id: str) -> list[Any]:
        """Every one of its spans."""
        return [span for span in list(self.spans) if span.trace_id.hex() == trace_id]

    def await_span(self, trace_id: str, name: str, within_s: float = 60.0) -> dict[str, Any]:
        """The spans of a trace, once that one has come."""
        until_s = time.monotonic() + within_s
        while name not in (found := self.of_trace(trace_id)):
            assert time.monotonic() < until_s, sorted(found)
            time.sleep(0.05)
        return found


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """One that listens until the block ends."""
    receiver = OtlpReceiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
