"""Questions about pictures through HTTP, against bare ONNX Runtime in the same run.

    python -m benchmarks.entailment [--ofa CONVERTED_FOLDER] [--seconds 4]

`CONVERTED_FOLDER` is what `steadfast models convert ofa` made; `make parity-ofa LAYOUT=large` leaves one of
the large layout with random weights, which cost as much time as real ones. Needs `wrk`.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np

from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.loading import load_model
from steadfast.entailment.model import EntailmentModel, Question
from steadfast.entailment.shapes.evaluation import FRESH_SEED, cases, drawn
from steadfast.inference.sessions import SessionCache
from steadfast.media.pictures import read_picture
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings
from steadfast.settings.entailment import EntailmentSettings

TEXT = "The red circle is left of the blue square."
_BOUNDARY = "boundary-of-the-benchmark"
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    per_second: float
    p50_ms: float
    p99_ms: float


def picture() -> bytes:
    """A drawing as a PNG of 256 pixels."""
    scene, _ = cases(FRESH_SEED, 1)[0]
    return cv2.imencode(".png", drawn(scene, 256))[1].tobytes()


def bare(name: str, work: Callable[[], object], seconds: float) -> Row:
    """The work again and again in this process, without a server."""
    work()
    took_ms: list[float] = []
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s or len(took_ms) < 3:
        began_s = time.perf_counter()
        work()
        took_ms.append((time.perf_counter() - began_s) * 1000)
    p50, p99 = np.percentile(took_ms, [50, 99])
    return Row(name=name, per_second=1000 / float(np.mean(took_ms)), p50_ms=float(p50), p99_ms=float(p99))


def bare_rows(label: str, model: EntailmentModel, content: bytes, seconds: float) -> list[Row]:
    """The network alone, and with what must be done to its picture."""
    text = clean_sentence(TEXT)
    question = Question(pixels=read_picture(content).pixels, text=text)
    return [
        bare(f"{label}: bare, prepared pixels", lambda: model.judge([question]), seconds),
        bare(
            f"{label}: bare, from the file",
            lambda: model.judge([Question(pixels=read_picture(content).pixels, text=text)]),
            seconds,
        ),
    ]


@contextmanager
def served(settings: Mapping[str, str]) -> Iterator[str]:
    """The URL of a server with these settings, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "STEADFAST_DATA_DIR": folder,
            "STEADFAST_ENTAILMENT__ENABLED": "true",
            "STEADFAST_RUNTIME__SPARES": "0",
            "STEADFAST_LOGS__LEVEL": "warning",
            **settings,
        }
        command = [
            sys.executable,
            "-m",
            "steadfast",
            "serve",
            "--no-guardian",
            "--quiet",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _await(url, process)
            yield url
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + 180
    while time.monotonic() < until_s and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health/ready", params={"task": "visual_entailment"}).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the server does not become ready")


def through_http(name: str, url: str, content: bytes, clients: int, seconds: float) -> Row:
    """One run of wrk with a form."""
    with tempfile.TemporaryDirectory() as folder:
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="text"\r\n\r\n{TEXT}\r\n--{_BOUNDARY}\r\n'
            'Content-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        )
        (Path(folder) / "body").write_bytes(head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode())
        script = Path(folder) / "script.lua"
        script.write_text(
            f"local f = io.open('{folder}/body', 'rb')\nwrk.body = f:read('*a')\nwrk.method = 'POST'\n"
            f"wrk.headers['Content-Type'] = 'multipart/form-data; boundary={_BOUNDARY}'\n"
        )

        def wrk(clients: int, seconds: float) -> str:
            command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--timeout", "60s", "--latency"]
            command += ["-s", str(script), f"{url}/v1/entail"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        # A service that has answered nothing yet predicts long waits, and would turn a crowd away.
        wrk(1, min(seconds, 2))
        said = wrk(clients, seconds)
    if "Non-2xx" in said:
        raise SystemExit(f"requests failed:\n{said}")
    return Row(
        name=name,
        per_second=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50_ms=_ms(_found(r"\n +50%\s+(\S+)", said)),
        p99_ms=_ms(_found(r"\n +99%\s+(\S+)", said)),
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk said something unexpected:\n{text}")
    return match.group(1)


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]


def embedded_rows(content: bytes, seconds: float) -> list[Row]:
    """Alone, and with 32 clients, one by one and together."""
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(ModelSettings(dir=Path(folder)))
        model = load_model(EntailmentSettings(), store, SessionCache())
        rows = bare_rows("embedded", model, content, seconds)
    for batch in (1, 16):
        with served({"STEADFAST_ENTAILMENT__MAX_BATCH": str(batch)}) as url:
            if batch > 1:
                rows.append(through_http("embedded: HTTP, 1 client", url, content, 1, seconds))
            name = f"embedded: HTTP, 32 clients, {'one by one' if batch == 1 else 'together'}"
            rows.append(through_http(name, url, content, 32, seconds))
    return rows


def ofa_rows(folder: Path, content: bytes, seconds: float) -> list[Row]:
    """One client: such a model is busy with one."""
    settings = EntailmentSettings(backend="ofa", model_dir=folder)
    with tempfile.TemporaryDirectory() as models:
        model = load_model(settings, ModelStore(ModelSettings(dir=Path(models))), SessionCache())
        rows = bare_rows("ofa", model, content, seconds)
    given = {
        "STEADFAST_ENTAILMENT__BACKEND": "ofa",
        "STEADFAST_ENTAILMENT__MODEL_DIR": str(folder.absolute()),
        "STEADFAST_RUNTIME__LOAD_S": "300",
    }
    with served(given) as url:
        rows.append(through_http("ofa: HTTP, 1 client", url, content, 1, max(seconds, 20)))
    return rows


def main() -> None:
    """Prints the table, then the two figures that have a bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ofa", type=Path)
    parser.add_argument("--seconds", type=int, default=4)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; it is a package of most distributions")
    content = picture()
    rows = embedded_rows(content, given.seconds)
    if given.ofa is not None:
        rows += ofa_rows(given.ofa, content, given.seconds)
    print(f"{'':<44}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for row in rows:
        print(f"{row.name:<44}{row.per_second:>9.1f}{row.p50_ms:>9.2f}{row.p99_ms:>9.2f}")
    by_name = {row.name: row for row in rows}
    overhead = by_name["embedded: HTTP, 1 client"].p50_ms - by_name["embedded: bare, from the file"].p50_ms
    gain = (
        by_name["embedded: HTTP, 32 clients, together"].per_second
        / by_name["embedded: HTTP, 32 clients, one by one"].per_second
    )
    print(
        f"\noverhead of the service at p50: {overhead:.2f} ms (bar 1.5); gain by batches: {gain:.2f} (bar 2)"
    )


if __name__ == "__main__":
    main()
