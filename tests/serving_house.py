"""A real server process for tests: on a free port, in its own folder, and swept up whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from tests.faulty_faces import act

ROOT = Path(__file__).resolve().parents[1]
FAULTY = {
    "STEADFAST_RUNTIME__FACE_TASK": "tests.faulty_faces:FaultyFaces",
    "STEADFAST_RUNTIME__PYTHON_PATH": str(ROOT),
}
"""Workers that do what the last picture tells them."""
SOURCE = b"a source"
_START_S = 120.0
"""Given to a start: on a machine that many tests share, importing alone takes tens of seconds."""
_LAST_CHARACTERS = 8000


@dataclass(kw_only=True)
class ServingHouse:
    """A running `steadfast serve`."""

    process: "subprocess.Popen[bytes]"
    url: str
    data_dir: Path
    key: str | None = None
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def client(self) -> httpx.Client:
        """One client with one connection at a time."""
        if not self.clients:
            self.clients.append(self.new_client())
        return self.clients[0]

    def new_client(self, **options: Any) -> httpx.Client:
        """One more."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30.0, trust_env=False, **options)
        self.clients.append(client)
        return client

    def swap(self, do: str = "echo", client: httpx.Client | None = None, **more: Any) -> httpx.Response:
        """One swap that has its worker do something; `headers`, `data` and `source` are for the request."""
        headers, data = more.pop("headers", None), more.pop("data", None)
        files = [("source", more.pop("source", SOURCE)), ("target", act(do, **more))]
        return (client or self.client).post("/v1/swap", files=files, headers=headers, data=data)

    @property
    def server(self) -> psutil.Process:
        """The server process, below a guardian if there is one."""
        process = psutil.Process(self.process.pid)
        for child in process.children(recursive=True):
            if _title(child) == "steadfast: server":
                return child
        return process

    def workers(self, role: str = "worker") -> list[psutil.Process]:
        """Workers or spares by what `ps` shows."""
        return [p for p in self.server.children() if _title(p).startswith(f"steadfast: {role}")]

    def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        """Waits for a condition; fails the test when it does not come."""
        until_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until_s, "it did not come"
            time.sleep(0.01)

    def is_ready(self) -> bool:
        """Whether readiness is green."""
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def await_ready(self, *, spares: int = 1, within_s: float = 60.0) -> None:
        """Waits until every worker and spare is loaded."""

        def full() -> bool:
            if not self.is_ready():
                return False
            pools = self.client.get("/health").json()["tasks"].values()
            return all(
                pool["workers_able"] == pool["workers_wanted"] and pool["spares_ready"] >= spares
                for pool in pools
            )

        self.until(full, within_s)


@contextmanager
def serving(
    data_dir: Path,
    settings: Mapping[str, str] | None = None,
    *arguments: str,
    guardian: bool = False,
    ready: bool = True,
    spares: int = 1,
    told: bool = True,
    python: Path = Path(sys.executable),
) -> Iterator[ServingHouse]:
    """A server with these settings as variables; `told`: wait until it listens, `ready`: for workers."""
    data_dir.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
    environment = (
        own
        | {"STEADFAST_DATA_DIR": str(data_dir), "PYTHONWARNINGS": "error"}
        | {"STEADFAST_ENTAILMENT__ENABLED": "false"}  # most tests are about faces, and count workers
        | dict(settings or {})
    )
    command = [str(python), "-m", "steadfast", "serve", "--json", "--port", "0", *arguments]
    log, out = (data_dir / "stderr.log").open("wb"), (data_dir / "stdout.log").open("wb")
    process = subprocess.Popen(
        command if guardian else [*command, "--no-guardian"],
        env=environment,
        cwd=ROOT,
        stdout=out,
        stderr=log,
        start_new_session=True,
    )
    house = ServingHouse(process=process, url="", data_dir=data_dir)
    try:
        if told:
            started = _first_document(process, data_dir)
            house.url, house.key = started["url"], started.get("first_key")
        if told and ready:
            house.await_ready(spares=spares)
        yield house
    finally:
        for client in house.clients:
            client.close()
        _sweep(process)
        log.close()
        out.close()


def _first_document(process: "subprocess.Popen[bytes]", data_dir: Path) -> dict[str, Any]:
    """What `serve --json` tells; lines of the log, which are JSON too, stand on one line each.

    A start that fails is told as a document too, and is told here with what the server wrote until then.
    """
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        has_ended = process.poll() is not None  # before reading: its last words are not to be missed
        if document := _document_in((data_dir / "stdout.log").read_text()):
            if "url" in document:
                return document
            raise AssertionError(f"the start failed: {document}\n{_last_words(data_dir)}")
        if has_ended:
            raise AssertionError(f"it ended with {process.returncode}:\n{_last_words(data_dir)}")
        time.sleep(0.02)
    raise AssertionError(f"it did not start within {_START_S:.0f} s:\n{_last_words(data_dir)}")


def _document_in(text: str) -> dict[str, Any] | None:
    begin = 0 if text.startswith("{\n") else text.find("\n{\n") + 1
    end = text.find("\n}\n", begin)
    if end < 0 or not text.startswith("{\n", begin):
        return None
    document: dict[str, Any] = json.loads(text[begin : end + 2])
    return document


def _last_words(data_dir: Path) -> str:
    said = ((data_dir / name).read_text(errors="replace") for name in ("stdout.log", "stderr.log"))
    return "".join(said)[-_LAST_CHARACTERS:]


def _sweep(process: "subprocess.Popen[bytes]") -> None:
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(10)
    for member in family:
        if member.is_running():
            member.kill()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""
