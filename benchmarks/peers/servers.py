"""The servers that are compared: how each is started, asked and looked at."""

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil
from tests.ports import free_port

from benchmarks.peers.function import portrait
from steadfast.drill.client import Ask, Client, Endpoint, form, get

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 5.0
"""Of every request, in every server that has a setting for it."""
WORKERS = 2
_SERVING = Path(__file__).parent / "serving"
_START_S = 240.0
_MARK = "PEERS_RUN"


class NotServing(Exception):
    """A server did not come up; the message has its last words."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One of those that are compared."""

    name: str
    title: str
    command: tuple[str, ...]
    """`{port}` and `{python}` stand for what they say."""
    health: str
    """What its documentation has a load balancer ask."""
    as_request: Callable[[bytes], Ask]
    environment: dict[str, str] = field(default_factory=dict)
    own_python: bool = True
    is_ours: bool = False

    @property
    def python(self) -> Path:
        """The interpreter of its environment, or this one."""
        if not self.own_python:
            return Path(sys.executable)
        return ROOT / ".venv-peers" / self.name.partition("-")[0] / "bin" / "python"

    @property
    def is_here(self) -> bool:
        """Whether `make peers` has made its environment."""
        return self.python.exists()


def _raw(path: str) -> Callable[[bytes], Ask]:
    return lambda picture: Ask(path=path, body=picture, headers=(("content-type", "image/jpeg"),))


def _octets(path: str) -> Callable[[bytes], Ask]:
    return lambda picture: Ask(
        path=path, body=picture, headers=(("content-type", "application/octet-stream"),)
    )


def _base64(picture: bytes) -> Ask:
    body = msgspec.json.encode({"picture": base64.b64encode(picture).decode()})
    return Ask(path="/swap", body=body, headers=(("content-type", "application/json"),))


def _ours(picture: bytes) -> Ask:
    deadline = ("x-deadline-ms", str(round(DEADLINE_S * 1000)))
    files = [("source", portrait()), ("target", picture)]
    return form("/v1/swap", files, deadline, measure="false")


def _script(name: str) -> tuple[str, ...]:
    return ("{python}", str(_SERVING / f"{name}.py"))


STEADFAST = Peer(
    name="steadfast",
    title="Steadfast",
    command=(
        "{python}",
        "-m",
        "steadfast",
        "serve",
        "--port",
        "{port}",
        "--workers",
        str(WORKERS),
        "--quiet",
    ),
    health="/health/ready",
    as_request=_ours,
    own_python=False,
    is_ours=True,
    environment={
        "STEADFAST_RUNTIME__FACE_TASK": "benchmarks.peers.function:SufferingFaceTask",
        "STEADFAST_RUNTIME__PYTHON_PATH": f"{ROOT},{ROOT / 'src'}",
        "STEADFAST_RUNTIME__THREADS": "1",
        "STEADFAST_FACES__ENGINE": "embedded",
        "STEADFAST_MODELS__AUTO_PULL": "never",
        "STEADFAST_ENTAILMENT__ENABLED": "false",  # the others serve nothing beside faces either
        "STEADFAST_LOGS__LEVEL": "warning",
    },
)
INLINE = Peer(
    name="fastapi-inline",
    title="FastAPI, in its event loop",
    command=(*_script("fastapi_swap"), "{port}"),
    health="/health",
    as_request=_octets("/inline"),
)
PEERS: tuple[Peer, ...] = (
    STEADFAST,
    Peer(
        name="fastapi",
        title="FastAPI + uvicorn",
        command=(*_script("fastapi_swap"), "{port}"),
        health="/health",
        as_request=_octets("/swap"),
    ),
    Peer(
        name="litserve",
        title="LitServe",
        command=(*_script("litserve_swap"), "{port}"),
        health="/health",
        as_request=_base64,
    ),
    Peer(
        name="bentoml",
        title="BentoML",
        command=(
            *("{python}", "-m", "bentoml", "serve", "benchmarks.peers.serving.bentoml_swap:Swap"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ),
        health="/readyz",
        as_request=_raw("/swap"),
        environment={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        name="ray",
        title="Ray Serve",
        command=(*_script("ray_swap"), "{port}"),
        health="/-/healthz",
        as_request=_raw("/swap"),
    ),
    Peer(
        name="mosec",
        title="mosec",
        command=(
            *(*_script("mosec_swap"), "--port", "{port}", "--address", "127.0.0.1"),
            *("--timeout", str(round(DEADLINE_S * 1000)), "--capacity", "64", "--log-level", "error"),
        ),
        health="/",
        as_request=_raw("/swap"),
    ),
)


@dataclass(kw_only=True)
class Running:
    """A server that answers."""

    peer: Peer
    process: "subprocess.Popen[bytes]"
    endpoint: Endpoint
    run: str
    """Found in the environment of all its processes, however far they strayed."""
    started_in_s: float = 0.0

    def family(self) -> list[psutil.Process]:
        """All its processes."""
        found = {}
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            found = {one.pid: one for one in (root, *root.children(recursive=True))}
        return list(found.values())

    def workers(self) -> list[int]:
        """Those that hold the models and may get requests: ours say so in their titles, others map dlib."""
        return [one.pid for one in self.family() if self._is_worker(one)]

    def _is_worker(self, process: psutil.Process) -> bool:
        try:
            if self.peer.is_ours:
                return " ".join(process.cmdline()).startswith("steadfast: worker ")
            return "_dlib_pybind11" in Path(f"/proc/{process.pid}/maps").read_text()
        except (psutil.NoSuchProcess, OSError):
            return False

    def resident_mib(self) -> int:
        """Of all its processes; memory that they share counts once (PSS)."""
        total = 0
        for process in self.family():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
        return total >> 20

    def cpu_s(self) -> float:
        """Of all its processes that live, and of those that they have waited for."""
        total = 0.0
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total

    async def is_healthy(self) -> int:
        """The status that a load balancer would see; 0: no answer within 1 s."""
        client = Client(self.endpoint)
        try:
            return max(0, (await client.send(get(self.peer.health), within_s=1.0)).status)
        finally:
            await client.close()

    def end(self) -> None:
        """All of it, orphans too."""
        family = self.family()  # our workers inherit no environment
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(8)
        for process in (*family, *self._strayed()):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.kill()
        self.process.wait()

    def _strayed(self) -> list[psutil.Process]:
        mark = f"{_MARK}={self.run}".encode()
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError, psutil.NoSuchProcess):
                if mark in place.read_bytes():
                    found.append(psutil.Process(int(place.parent.name)))
        return found


@asynccontextmanager
async def running(peer: Peer, folder: Path) -> AsyncIterator[Running]:
    """The server once it has answered as often as it has workers."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    run = f"{os.getpid()}-{port}"
    put = {"python": str(peer.python), "port": str(port)}
    began_s = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [part.format(**put) for part in peer.command],
            cwd=ROOT if not peer.is_ours else folder,
            env=_environment(peer, folder) | {_MARK: run},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Running(peer=peer, process=process, endpoint=Endpoint(url=f"http://127.0.0.1:{port}"), run=run)
    try:
        await _until_it_serves(server, folder)
        server.started_in_s = time.monotonic() - began_s
        yield server
    finally:
        await asyncio.to_thread(server.end)


def _environment(peer: Peer, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
    own = {
        "PYTHONPATH": f"{ROOT / 'src'}" if peer.is_ours else str(ROOT),
        "PATH": f"{peer.python.parent}:{os.environ.get('PATH', '')}",
        "OMP_NUM_THREADS": "1",
        "STEADFAST_DATA_DIR": str(folder / "data"),
        "BENTOML_HOME": str(folder / "bentoml"),
        "RAY_TMPDIR": str(folder),
    }
    return kept | own | peer.environment


async def _until_it_serves(server: Running, folder: Path) -> None:
    client = Client(server.endpoint)
    until_s = time.monotonic() + _START_S
    good = 0
    while good < 2 * WORKERS:
        if server.process.poll() is not None or time.monotonic() > until_s:
            said = (folder / "log").read_text(errors="replace")[-2000:]
            raise NotServing(f"{server.peer.title} does not answer; it said:\n{said}")
        answer = await client.send(server.peer.as_request(portrait()), within_s=20.0)
        good += answer.status == 200
        if answer.status != 200:
            good = 0
            await asyncio.sleep(0.2)
    await client.close()
    while len(server.workers()) < WORKERS and time.monotonic() < until_s:
        await asyncio.sleep(0.2)
