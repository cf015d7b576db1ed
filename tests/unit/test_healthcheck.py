"""The check of an image: one word, one status, whatever answers or does not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from steadfast.healthcheck import address_of, ask, write_address

MODULE = [sys.executable, "-I", "-m", "steadfast.healthcheck"]


@contextmanager
def answering(status: int, word: str) -> Iterator[int]:
    """A server that answers that to everything; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(word.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "word", "is_well"), [(200, "OK", True), (503, "FAIL", False), (200, "<html>", False)]
)
def test_only_ok_is_well(status: int, word: str, is_well: bool) -> None:
    with answering(status, word) as port:
        assert ask("127.0.0.1", port) == (is_well, word)


def test_nobody_there_is_an_answer_too() -> None:
    with answering(200, "OK") as port:
        pass
    answer = ask("127.0.0.1", port)
    assert not answer.is_well
    assert "nobody answers" in answer.word


def test_it_asks_where_the_server_wrote_down_that_it_listens(tmp_path: Path) -> None:
    assert address_of({"STEADFAST_DATA_DIR": str(tmp_path)}) == ("127.0.0.1", 8080)
    write_address(tmp_path, "0.0.0.0", 9000)
    assert address_of({"STEADFAST_DATA_DIR": str(tmp_path)}) == ("127.0.0.1", 9000)
    write_address(tmp_path, "::", 9001)
    assert address_of({}, tmp_path) == ("::1", 9001)
    assert [file.name for file in tmp_path.iterdir()] == ["address"]
    (tmp_path / "address").write_text("rubbish")
    assert address_of({}, tmp_path) == ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://10.0.0.1:81", ("10.0.0.1", 81)),
        ("http://service", ("service", 80)),
        ("http://[::1]:8080/", ("::1", 8080)),
    ],
)
def test_a_url_says_otherwise(url: str, address: tuple[str, int], tmp_path: Path) -> None:
    write_address(tmp_path, "127.0.0.1", 9000)
    assert address_of({"STEADFAST_URL": url}, tmp_path) == address


def test_the_status_is_what_an_image_needs_and_nothing_but_the_standard_library_is_loaded(
    tmp_path: Path,
) -> None:
    with answering(200, "OK") as port:
        write_address(tmp_path, "127.0.0.1", port)
        environment = {"STEADFAST_DATA_DIR": str(tmp_path)}
        done = subprocess.run(MODULE, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "OK\n")
    done = subprocess.run(MODULE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    loaded = "import steadfast.healthcheck, sys; print({'ssl', 'asyncio', 'typer'} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-I", "-c", loaded], capture_output=True, text=True, check=True)
    assert seen.stdout == "set()\n"


def test_a_folder_that_cannot_be_written_to_does_not_stop_a_server(tmp_path: Path) -> None:
    write_address(tmp_path / "absent", "127.0.0.1", 1)
    assert list(tmp_path.iterdir()) == []
