"""A real HTTP server that only listens."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

METADATA_ADDRESS = "http://169.254.169.254/latest/meta-data/"


class Hook:
    """An HTTP server that keeps what it is sent and answers as it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append((self.path, dict(self.headers), body))
                self.send_response(hook.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_PUT = do_POST  # noqa: N815 — the name that the library looks for

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class MoodyReceiver:
    """Answers as it is told to: a status, or `slow`, or a redirect."""

    def __init__(self, port: int = 0) -> None:
        self.mood = "well"
        self.got: list[tuple[str, str, bytes]] = []
        self.over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(
                    (self.headers["X-Steadfast-Event"], self.headers["X-Steadfast-Signature"], body)
                )
                if receiver.mood == "slow":
                    receiver.over.wait(20)
                self.send_response(307 if receiver.mood == "redirecting" else 200)
                self.send_header("Location", METADATA_ADDRESS)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
