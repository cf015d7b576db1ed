"""What the service costs: an echo behind `POST /v1/faces`, beside the same echo in other servers.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install fastapi uvicorn uvloop httptools mosec litserve
    python -m benchmarks.serving_overhead --peers-python /tmp/peers/bin/python [--seconds 4] [--rounds 2]

Needs `wrk`. Every server gets the same bodies from the same client in the same run, in turns, and the best of
the rounds counts. Ours stands with API keys, limits and admission on, with one worker and a spare; a special
route for echoes does not exist. Like the others it writes no line per request, unless `--with-logs`. CPU ms:
of our server process (for the others: of all their processes), per request.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
KEY = "benchmark-key-benchmark-key-benchmark-key"
PEERS = ("fastapi_inline", "fastapi_thread", "mosec_echo", "litserve_echo")
SMALL, LARGE = 100, 1_000_000
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, kw_only=True)
class Server:
    """One of those that are compared."""

    name: str
    command: tuple[str, ...]
    path: str
    port: int
    is_json: bool = False


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What wrk measured."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    failed: int


def servers(peers_python: str | None) -> list[Server]:
    """Ours, and the others if their interpreter is given."""
    ours = (sys.executable, "-m", "steadfast", "serve", "--no-guardian", "--quiet", "--port", "18080")
    found = [Server(name="steadfast", command=ours, path="/v1/faces", port=18080)]
    if peers_python is None:
        return found
    peers = ROOT / "benchmarks" / "peers"
    for number, name in enumerate(
        ("fastapi_inline", "fastapi_thread", "mosec_echo", "litserve_echo"), start=1
    ):
        port = 18080 + number
        given = ("--port", str(port)) if name == "mosec_echo" else (str(port),)
        path = {"mosec_echo": "/inference", "litserve_echo": "/predict"}.get(name, "/echo")
        command = (peers_python, str(peers / f"{name}.py"), *given)
        found.append(
            Server(name=name, command=command, path=path, port=port, is_json=name == "litserve_echo")
        )
    return found


@contextmanager
def running(server: Server, folder: Path, *, with_logs: bool = False) -> Iterator[psutil.Process]:
    """The server, once it answers."""
    folder.mkdir()
    (folder / "key").write_text(KEY)
    environment = os.environ | {
        "STEADFAST_RUNTIME__FACE_TASK": "benchmarks.echo_faces:EchoFaces",
        "STEADFAST_RUNTIME__PYTHON_PATH": str(ROOT),
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_SERVER__REQUIRE_KEYS": "always",
        "STEADFAST_BOOTSTRAP_KEY_FILE": str(folder / "key"),
        "STEADFAST_DATA_DIR": str(folder),
        "STEADFAST_LOGS__LEVEL": "info" if with_logs else "warning",
    }
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        server.command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        _await(server, process)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):  # some leave processes behind that go on serving the port
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _await(server: Server, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + 60
    body = b'{"data": "x"}' if server.is_json else b"x"
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": _content_type(server)}
    while time.monotonic() < until_s and process.poll() is None:
        try:
            url = f"http://127.0.0.1:{server.port}{server.path}"
            if httpx.post(url, content=body, headers=headers, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{server.name} does not answer")


def measure(server: Server, process: psutil.Process, size: int, clients: int, seconds: float) -> Figures:
    """One run of wrk."""
    script = process_script(server, size)
    before_s = _cpu_s(server, process)
    said = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{clients}",
            f"-d{seconds:g}s",
            "--latency",
            "-s",
            script,
            f"http://127.0.0.1:{server.port}{server.path}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cpu_s = _cpu_s(server, process) - before_s
    per_second = float(_found(r"Requests/sec:\s+([\d.]+)", said))
    count = int(_found(r"(\d+) requests in", said))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Figures(
        per_second=per_second,
        p50_ms=_ms(_found(r"50%\s+(\S+)", said)),
        p99_ms=_ms(_found(r"99%\s+(\S+)", said)),
        cpu_ms=cpu_s / max(1, count) * 1000,
        failed=int(failed.group(1)) if failed else 0,
    )


def process_script(server: Server, size: int) -> str:
    """What wrk sends, as a Lua file."""
    body = (
        f"'{{\"data\": \"' .. string.rep('x', {size}) .. '\"}}'"
        if server.is_json
        else f"string.rep('x', {size})"
    )
    text = (
        f"wrk.method = 'POST'\nwrk.body = {body}\n"
        f"wrk.headers['Content-Type'] = '{_content_type(server)}'\n"
        f"wrk.headers['Authorization'] = 'Bearer {KEY}'\n"
    )
    path = Path(tempfile.gettempdir()) / f"steadfast-wrk-{server.name}-{size}.lua"
    path.write_text(text)
    return str(path)


def _content_type(server: Server) -> str:
    return "application/json" if server.is_json else "application/octet-stream"


def _cpu_s(server: Server, process: psutil.Process) -> float:
    family = [process] if server.name == "steadfast" else [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk said something unexpected:\n{text}")
    return match.group(1)


def _ms(text: str) -> float:
    parts = re.fullmatch(r"([\d.]+)(\w+)", text)
    return float(parts.group(1)) * _UNITS[parts.group(2)] if parts else float("nan")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--with-logs", action="store_true")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; it is a package of most distributions")
    print(
        f"{'':<18}{'body':>9}{'clients':>9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'failed':>8}"
    )
    best: dict[tuple[str, int, int], Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.rounds):
            for server in servers(given.peers_python):
                if given.only and server.name != given.only:
                    continue
                own = Path(folder) / f"{server.name}-{number}"
                with running(server, own, with_logs=given.with_logs) as process:
                    for size in (SMALL, LARGE):
                        for clients in (1, 16):
                            found = measure(server, process, size, clients, given.seconds)
                            key = (server.name, size, clients)
                            if key not in best or found.per_second > best[key].per_second:
                                best[key] = found
    for (name, size, clients), row in sorted(best.items(), key=lambda item: (item[0][1], item[0][2])):
        figures = (
            f"{row.per_second:>9.0f}{row.p50_ms:>9.2f}{row.p99_ms:>9.2f}{row.cpu_ms:>9.3f}{row.failed:>8}"
        )
        print(f"{name:<18}{size:>9}{clients:>9}{figures}")


if __name__ == "__main__":
    main()
